"""Profiles of tables by the sketches of datasketches, for Pythons that whylogs has no wheel for.

The records are whylogs' own (`whylogs_record`), the sketch is the one in them; up to some thousand rows both tell
the same to the bit. Only this module knows the product.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from datasketches import kll_doubles_sketch

from evergreen.adapters.monitoring.profile_column import Column, Floats, matrix_of
from evergreen.adapters.monitoring.whylogs_record import Component, ProfileRecord, read_record, write_record
from evergreen.errors import Broken

ACCURACY = 1024  # whylogs' k, with which its records are made: a quantile is off by a fifth of a percent of the rows
FIGURES = ("mean", "stddev")
"""What a band can be laid around."""


@dataclass(frozen=True)
class SketchedColumn:
    """Rows in all, those missing or infinite; of the rest the mean, the sum of squared distances from it, a sketch."""

    rows: int
    missing: int
    infinite: int
    mean: float
    m2: float
    sketch: Any

    @property
    def finite(self) -> int:
        """How many values are neither missing nor infinite."""
        return int(self.sketch.n)

    def merge(self, other: SketchedColumn) -> SketchedColumn:
        """Both columns' values in one (Chan, Golub & LeVeque, "Updating Formulae", 1979)."""
        sketch, finite = _empty(), self.finite + other.finite
        sketch.merge(self.sketch)
        sketch.merge(other.sketch)
        apart, share = other.mean - self.mean, other.finite / finite if finite else 0.0
        return SketchedColumn(
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            infinite=self.infinite + other.infinite,
            mean=self.mean + apart * share,
            m2=self.m2 + other.m2 + apart**2 * self.finite * share,
            sketch=sketch,
        )


@dataclass(frozen=True)
class SketchProfile:
    """A session's columns, and what was written on them."""

    session: pd.Timestamp
    tags: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, SketchedColumn] = field(default_factory=dict)

    def merge(self, other: SketchProfile) -> SketchProfile:
        """Both profiles in one, of the earlier session; a column that only one has is its."""
        both = {name: each.merge(other.columns[name]) for name, each in self.columns.items() if name in other.columns}
        columns = {**self.columns, **other.columns, **both}
        return SketchProfile(min(self.session, other.session), {**self.tags, **other.tags}, columns)


Profile = SketchProfile


def profile(frame: pd.DataFrame, session: pd.Timestamp, tags: Mapping[str, str] | None = None) -> Profile:
    """Counts and a quantile sketch of each column; rows in any order, the index ignored.

    Values that are not finite are counted and kept out of the sketch. The same rows give the same bytes while a sketch
    is exact, up to about a thousand rows.

    Raises:
        BadInput: a column that is not numeric.
    """
    matrix = matrix_of(frame)
    columns = {str(name): _sketched(matrix[:, place]) for place, name in enumerate(frame.columns)}
    return Profile(session.normalize().as_unit("us"), dict(tags or {}), columns)


def to_bytes(view: Profile) -> bytes:
    """A profile as `from_bytes` reads it, and whylogs."""
    at = datetime(view.session.year, view.session.month, view.session.day, tzinfo=UTC)
    columns = {name: _components(each) for name, each in view.columns.items()}
    return write_record(ProfileRecord(int(at.timestamp()) * 1000, view.tags, columns))


def from_bytes(content: bytes) -> Profile:
    """The profile that was stored as `content`, by this or by whylogs.

    Raises:
        Broken: not a whole profile.
    """
    try:
        record = read_record(content)
        columns = {name: _column_of(components) for name, components in record.columns.items()}
    except (ValueError, KeyError, IndexError, StopIteration, RuntimeError) as error:
        raise Broken(f"the profile cannot be read: {error}.", "Profile the session again from its features.") from None
    session = pd.Timestamp(record.time, unit="ms").normalize().as_unit("us")
    return Profile(session, record.tags, columns)


def session_of(view: Profile) -> pd.Timestamp:
    """The session a profile belongs to; of a merged one the earliest."""
    return view.session


def tags_of(view: Profile) -> Mapping[str, str]:
    """What was written on a profile when it was made."""
    return dict(view.tags)


def names(view: Profile) -> list[str]:
    """The names of the columns."""
    return list(view.columns)


def column(view: Profile, name: str) -> Column | None:
    """A column by its name; None where there is none."""
    if name not in view.columns:
        return None
    each = view.columns[name]
    stddev = math.sqrt(each.m2 / (each.finite - 1)) if each.finite > 1 else 0.0
    return Column(each.rows, each.finite, each.infinite, each.mean, stddev, each.sketch)


def outside(view: Profile, bands: Mapping[tuple[str, str], tuple[float, float]]) -> list[tuple[str, str]]:
    """Which figures leave their bands.

    Args:
        view: the profile that is judged.
        bands: column and figure (one of `FIGURES`) -> lowest and highest value allowed.
    """
    judged = {(name, figure): column(view, name) for name, figure in bands}
    return [
        (name, figure)
        for (name, figure), (lower, upper) in bands.items()
        if (each := judged[name, figure]) and not lower <= getattr(each, figure) <= upper
    ]


def _empty() -> Any:
    return kll_doubles_sketch(ACCURACY)


def _sketched(values: Floats) -> SketchedColumn:
    finite, sketch = values[np.isfinite(values)], _empty()
    sketch.update(finite)
    return SketchedColumn(
        rows=len(values),
        missing=int(np.isnan(values).sum()),
        infinite=int(np.isinf(values).sum()),
        mean=float(finite.mean()) if len(finite) else 0.0,
        m2=float(finite.var(ddof=1) * (len(finite) - 1)) if len(finite) > 1 else 0.0,
        sketch=sketch,
    )


def _components(each: SketchedColumn) -> dict[str, Component]:
    return {
        "counts/inf": each.infinite,
        "counts/n": each.rows,
        "counts/nan": each.missing,
        "counts/null": each.missing,
        "counts/true": 0,
        "distribution/kll": each.sketch.serialize(),
        "distribution/m2": each.m2,
        "distribution/mean": each.mean,
    }


def _column_of(components: Mapping[str, Component]) -> SketchedColumn:
    return SketchedColumn(
        rows=int(components["counts/n"]),
        missing=int(components["counts/nan"]),
        infinite=int(components["counts/inf"]),
        mean=float(components["distribution/mean"]),
        m2=float(components["distribution/m2"]),
        sketch=kll_doubles_sketch.deserialize(components["distribution/kll"]),
    )
