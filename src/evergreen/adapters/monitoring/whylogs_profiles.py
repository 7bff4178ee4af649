"""Per-session profiles of features: mergeable, without raw rows, the record that drift is read from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from whylogs.core.errors import DeserializationError
from whylogs.core.metrics.column_metrics import ColumnCountsMetric
from whylogs.core.metrics.metrics import DistributionMetric
from whylogs.core.preprocessing import NumpyView, PreprocessedColumn
from whylogs.core.view.column_profile_view import ColumnProfileView
from whylogs.core.view.dataset_profile_view import DatasetProfileView

from evergreen.core.bars.session import iso
from evergreen.core.drift import Counts, Grid
from evergreen.errors import BadInput, Broken, NotFound

Profile: TypeAlias = DatasetProfileView


def profile(features: pd.DataFrame, session: pd.Timestamp, tags: Mapping[str, str] | None = None) -> Profile:
    """Counts and a quantile sketch of each column; rows in any order, the index ignored.

    Hands whylogs' metrics whole arrays, which takes a tenth of the time of logging a frame: most of that goes
    into guessing types value by value. Values that are not finite are counted and kept out of the sketch,
    where one infinity would turn the mean into NaN. The same rows give the same bytes while a sketch is
    exact, up to about a thousand rows.

    Raises:
        BadInput: a column that is not numeric.
    """
    words = [str(name) for name, kind in features.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    if words:
        raise BadInput(f"column {words[0]!r} is not numeric and cannot be profiled.", "Leave it out.")
    matrix = features.to_numpy(np.float64)
    at = _midnight(session)
    columns = {str(name): _column(matrix[:, place]) for place, name in enumerate(features.columns)}
    return Profile(columns=columns, dataset_timestamp=at, creation_timestamp=at, metadata=dict(tags or {}))


def write(view: Profile, root: Path) -> Path:
    """Store a session's profile as `root/<session>.bin`, whole or not at all; an older one is replaced."""
    root.mkdir(parents=True, exist_ok=True)
    path = profile_path(root, session_of(view))
    replace(path, to_bytes(view))
    return path


def to_bytes(view: Profile) -> bytes:
    """A profile as `read` reads it from a file."""
    return bytes(view.serialize())


def forget(root: Path, before: pd.Timestamp) -> int:
    """Delete profiles of sessions before a date and what was derived from them, in all folders; how many files."""
    old = [path for path in root.rglob("????-??-??*") if path.name[:10] < iso(before) and path.is_file()]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def replace(path: Path, content: bytes) -> None:
    """Write a file aside and move it into place."""
    aside = path.with_suffix(f".{os.getpid()}.part")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def profile_path(root: Path, session: pd.Timestamp) -> Path:
    """Where the profile of `session` is kept."""
    return root / f"{iso(session)}.bin"


def session_of(view: Profile) -> pd.Timestamp:
    """The session a profile belongs to; of a merged one the earliest."""
    return pd.Timestamp(view.dataset_timestamp).tz_localize(None).normalize().as_unit("us")


def read(path: Path) -> Profile:
    """A stored profile.

    Raises:
        NotFound: no such file.
        Broken: not a whole profile.
    """
    if not path.exists():
        raise NotFound(f"no profile at {path}.", "Profile the session again from its features.")
    try:
        return Profile.deserialize(path.read_bytes())
    except (DeserializationError, ValueError, OSError, RuntimeError, AttributeError, EOFError) as error:
        raise Broken(
            f"the profile {path} cannot be read: {error}.", "Profile the session again from its features."
        ) from None


def merge(views: Iterable[Profile]) -> Profile:
    """One profile of many sessions; about 40 ms a session at 158 features, so meant for reports only.

    Raises:
        BadInput: nothing to merge.
    """
    merged = list(views)
    if not merged:
        raise BadInput("there is no profile to merge.", "Name at least one session.")
    return reduce(lambda one, other: one.merge(other), merged)


def counts(view: Profile, grid: Grid) -> Counts:
    """A session's counts on the drift grid, from its sketches; exact while a sketch is.

    Raises:
        BadInput: a feature of the grid is not in the profile.
    """
    values = np.zeros((1, len(grid.features), grid.bins), np.int32)
    for column, name in enumerate(grid.features):
        profiled = view.get_column(name)
        if profiled is None:
            raise BadInput(f"feature {name!r} of the drift grid is not in the profile.", "Make a new grid.")
        _fill(values[0, column], profiled, grid.cuts(column))
    return Counts(pd.DatetimeIndex([session_of(view)]).as_unit("us"), grid, values)


def _midnight(session: pd.Timestamp) -> datetime:
    return datetime(session.year, session.month, session.day, tzinfo=UTC)


def _column(values: NDArray[np.float64]) -> ColumnProfileView:
    finite = values[np.isfinite(values)]
    preprocessed = PreprocessedColumn()
    preprocessed.len = len(values)
    preprocessed.numpy = NumpyView(floats=finite)
    preprocessed.nan_count = preprocessed.null_count = int(np.isnan(values).sum())
    preprocessed.inf_count = int(np.isinf(values).sum())
    metrics = {metric.namespace: metric for metric in (ColumnCountsMetric.zero(), DistributionMetric.zero())}
    for metric in metrics.values():
        metric.columnar_update(preprocessed)
    return ColumnProfileView(metrics)


def _fill(bins: NDArray[np.int32], profiled: ColumnProfileView, cuts: NDArray[np.float64]) -> None:
    sketch = profiled.get_metric("distribution").kll.value
    finite = int(sketch.get_n())
    if finite:
        below = np.array(sketch.get_cdf(cuts.tolist())) if len(cuts) else np.ones(1)
        bins[: len(below)] = np.diff(np.rint(below * finite), prepend=0)
    bins[-1] = _rows(profiled) - finite


def _rows(profiled: ColumnProfileView) -> int:
    return int(profiled.get_metric("counts").n.value)
