"""A page of what moved: the current profile against its reference, feature by feature, readable offline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader
from whylogs.core.view.column_profile_view import ColumnProfileView
from whylogs.core.view.dataset_profile_view import DatasetProfileView

from evergreen.adapters.monitoring.whylogs_profiles import session_of
from evergreen.core.drift import DriftCheck

DECILES = np.arange(1, 10) / 10  # the groups of the PSI that stands beside them


@dataclass(frozen=True)
class Row:
    """One feature of the page; `shares` are the current values' shares of the reference's deciles."""

    feature: str
    reference: str
    current: str
    missing: str
    shares: tuple[float, ...]
    psi: float | None
    p: float | None
    culprit: bool


def report(
    current: DatasetProfileView,
    reference: DatasetProfileView,
    path: Path,
    check: DriftCheck | None = None,
) -> Path:
    """Write one self-contained HTML page to `path`; with a drift check, features are ordered by its scores.

    whylogs' own report page needs pybars3 and loads scripts from the internet, so this one is ours, made from
    the same profiles.
    """
    names = [name for name in current.get_columns() if reference.get_column(name) is not None]
    if check is not None:
        names.sort(key=lambda name: -float(check.scores.get(name, -np.inf)))
    rows = [_row(name, current.get_column(name), reference.get_column(name), check) for name in names]
    page = Environment(loader=PackageLoader(__name__, ""), autoescape=True).get_template("profile_page.html.j2")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page.render(rows=rows, check=check, reference=session_of(reference), current=session_of(current)))
    return path


def _row(name: str, current: ColumnProfileView, reference: ColumnProfileView, check: DriftCheck | None) -> Row:
    judged = check if check is not None and name in check.psi.index else None
    return Row(
        feature=name,
        reference=_summary(reference),
        current=_summary(current),
        missing=f"{_missing(reference):.1%} → {_missing(current):.1%}",
        shares=_shares(current, reference),
        psi=float(judged.psi[name]) if judged else None,
        p=float(judged.p[name]) if judged else None,
        culprit=judged is not None and name in judged.culprits,
    )


def _summary(column: ColumnProfileView) -> str:
    distribution = column.get_metric("distribution")
    if not distribution.n:
        return "no values"
    return f"{distribution.avg:.4g} ± {distribution.stddev:.3g}"


def _missing(column: ColumnProfileView) -> float:
    rows = column.get_metric("counts").n.value
    return 1 - column.get_metric("distribution").n / rows if rows else 0.0


def _shares(current: ColumnProfileView, reference: ColumnProfileView) -> tuple[float, ...]:
    expected, observed = (column.get_metric("distribution").kll.value for column in (reference, current))
    if expected.is_empty() or observed.is_empty():
        return ()
    cuts = np.unique(expected.get_quantiles(DECILES.tolist()))
    return tuple(np.diff(observed.get_cdf(cuts.tolist()), prepend=0.0).tolist())
