"""A page of what moved: the current profile against its reference, feature by feature, readable offline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader

from evergreen.adapters.monitoring.profiler import Column, Profile, column, names, session_of
from evergreen.core.drift import DriftCheck
from evergreen.core.features.factors import FACTORS

FORMULAS = {factor.name: factor.formula for factor in FACTORS}
DECILES = np.arange(1, 10) / 10  # the groups of the PSI that stands beside them


@dataclass(frozen=True)
class FeatureRow:
    """One feature of the page; `shares` are the current values' shares of the reference's deciles.

    `meaning` is its formula; empty for a factor that was declared in a project.
    """

    feature: str
    meaning: str
    reference: str
    current: str
    missing: str
    shares: tuple[float, ...]
    psi: float | None
    p: float | None
    culprit: bool


def report(
    current: Profile,
    reference: Profile,
    path: Path,
    check: DriftCheck | None = None,
) -> Path:
    """Write one self-contained HTML page to `path`; with a drift check, features are ordered by its scores."""
    pairs = [(name, column(current, name), column(reference, name)) for name in names(current)]
    rows = [_row(name, now, then, check) for name, now, then in pairs if now and then]
    if check is not None:
        rows.sort(key=lambda row: -float(check.scores.get(row.feature, -np.inf)))
    page = Environment(loader=PackageLoader(__name__, ""), autoescape=True).get_template("profile_page.html.j2")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page.render(rows=rows, check=check, reference=session_of(reference), current=session_of(current)))
    return path


def _row(name: str, current: Column, reference: Column, check: DriftCheck | None) -> FeatureRow:
    judged = check if check is not None and name in check.psi.index else None
    return FeatureRow(
        feature=name,
        meaning=FORMULAS.get(name, ""),
        reference=_summary(reference),
        current=_summary(current),
        missing=f"{_missing(reference):.1%} → {_missing(current):.1%}",
        shares=_shares(current, reference),
        psi=float(judged.psi[name]) if judged else None,
        p=float(judged.p[name]) if judged else None,
        culprit=judged is not None and name in judged.culprits,
    )


def _summary(described: Column) -> str:
    return f"{described.mean:.4g} ± {described.stddev:.3g}" if described.finite else "no values"


def _missing(described: Column) -> float:
    return 1 - described.finite / described.rows if described.rows else 0.0


def _shares(current: Column, reference: Column) -> tuple[float, ...]:
    if not (reference.finite and current.finite):
        return ()
    cuts = np.unique(reference.quantiles(DECILES.tolist()))
    return tuple(np.diff(current.shares_up_to(cuts.tolist()), prepend=0.0).tolist())
