"""Profiles of tables by whylogs. Only this module knows the product."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import pandas as pd

os.environ.setdefault("WHYLOGS_NO_ANALYTICS", "True")  # it reports usage unless told not to before it is imported

from whylogs.core.constraints import ConstraintsBuilder
from whylogs.core.constraints.factories import mean_between_range, stddev_between_range
from whylogs.core.errors import DeserializationError
from whylogs.core.metrics.column_metrics import ColumnCountsMetric
from whylogs.core.metrics.metrics import DistributionMetric
from whylogs.core.preprocessing import NumpyView, PreprocessedColumn
from whylogs.core.view.column_profile_view import ColumnProfileView
from whylogs.core.view.dataset_profile_view import DatasetProfileView

from evergreen.adapters.monitoring.profile_column import Column, Floats, matrix_of
from evergreen.adapters.monitoring.whylogs_record import Component, ProfileRecord, write_record
from evergreen.errors import Broken

Profile: TypeAlias = DatasetProfileView
FIGURES = {"mean": mean_between_range, "stddev": stddev_between_range}
"""What a band can be laid around, each with the constraint that judges it."""


def profile(frame: pd.DataFrame, session: pd.Timestamp, tags: Mapping[str, str] | None = None) -> Profile:
    """Counts and a quantile sketch of each column; rows in any order, the index ignored.

    Hands whylogs' metrics whole arrays, which takes a tenth of the time of logging a frame: most of that goes
    into guessing types value by value. Values that are not finite are counted and kept out of the sketch,
    where one infinity would turn the mean into NaN. The same rows give the same bytes while a sketch is
    exact, up to about a thousand rows.

    Raises:
        BadInput: a column that is not numeric.
    """
    matrix = matrix_of(frame)
    at = datetime(session.year, session.month, session.day, tzinfo=UTC)
    columns = {str(name): _profiled(matrix[:, place]) for place, name in enumerate(frame.columns)}
    return Profile(columns=columns, dataset_timestamp=at, creation_timestamp=at, metadata=dict(tags or {}))


def to_bytes(view: Profile) -> bytes:
    """A profile as `from_bytes` reads it; whylogs' own `serialize` writes all columns to a file first."""
    columns = {name: _components(view.get_columns()[name]) for name in sorted(view.get_columns())}
    return write_record(ProfileRecord(int(view.dataset_timestamp.timestamp()) * 1000, dict(view.metadata), columns))


def from_bytes(content: bytes) -> Profile:
    """The profile that was stored as `content`.

    Raises:
        Broken: not a whole profile.
    """
    try:
        return Profile.deserialize(content)
    except (DeserializationError, ValueError, OSError, RuntimeError, AttributeError, EOFError) as error:
        raise Broken(f"the profile cannot be read: {error}.", "Profile the session again from its features.") from None


def session_of(view: Profile) -> pd.Timestamp:
    """The session a profile belongs to; of a merged one the earliest."""
    return pd.Timestamp(view.dataset_timestamp).tz_localize(None).normalize().as_unit("us")


def tags_of(view: Profile) -> Mapping[str, str]:
    """What was written on a profile when it was made."""
    return dict(view.metadata)


def names(view: Profile) -> list[str]:
    """The names of the columns."""
    return list(view.get_columns())


def column(view: Profile, name: str) -> Column | None:
    """A column by its name; None where there is none."""
    profiled = view.get_column(name)
    if profiled is None:
        return None
    counted, distribution = profiled.get_metric("counts"), profiled.get_metric("distribution")
    return Column(
        rows=int(counted.n.value),
        finite=int(distribution.n),
        infinite=int(counted.inf.value),
        mean=float(distribution.avg),
        stddev=float(distribution.stddev),
        sketch=distribution.kll.value,
    )


def outside(view: Profile, bands: Mapping[tuple[str, str], tuple[float, float]]) -> list[tuple[str, str]]:
    """Which figures leave their bands, by whylogs' own constraints.

    Args:
        view: the profile that is judged.
        bands: column and figure (one of `FIGURES`) -> lowest and highest value allowed.
    """
    builder = ConstraintsBuilder(view)
    for (name, figure), (lower, upper) in bands.items():
        bounded = FIGURES[figure](name, lower=lower, upper=upper)
        bounded.name = f"{name} {figure}"
        builder.add_constraint(bounded)
    report = builder.build().generate_constraints_report()
    failed = {judgement.name for judgement in report if not judgement.passed}
    return [(name, figure) for name, figure in bands if f"{name} {figure}" in failed]


def _components(view: ColumnProfileView) -> dict[str, Component]:
    messages = view.to_protobuf().metric_components
    components = {path: getattr(message, message.WhichOneof("value")) for path, message in messages.items()}
    return {path: getattr(value, "sketch", value) for path, value in components.items()}


def _profiled(values: Floats) -> ColumnProfileView:
    preprocessed = PreprocessedColumn()
    preprocessed.len = len(values)
    preprocessed.numpy = NumpyView(floats=values[np.isfinite(values)])
    preprocessed.nan_count = preprocessed.null_count = int(np.isnan(values).sum())
    preprocessed.inf_count = int(np.isinf(values).sum())
    metrics = {metric.namespace: metric for metric in (ColumnCountsMetric.zero(), DistributionMetric.zero())}
    for metric in metrics.values():
        metric.columnar_update(preprocessed)
    return ColumnProfileView(metrics)
