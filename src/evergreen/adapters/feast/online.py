"""The online side: moving the newest rows there, and reading them back all at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.adapters.feast import files
from evergreen.errors import Broken, Unavailable

PRICE, FACTORS = "price", "alpha158"
UNEQUAL = "unequal"  # its presence blocks reading


@dataclass(frozen=True)
class Watermark:
    """The newest event (UTC) online per view, once there is one, and how many rows the call moved."""

    until: dict[str, pd.Timestamp]
    moved: int


@dataclass(frozen=True)
class OnlineFeatures:
    """Online values by ticker, sorted; tickers that have none are left out.

    `features` is float32, a column for each of the 158 and of those declared; `close` is raw, `close * factor`
    adjusted; `as_of` is the session the values belong to, `event_timestamp` its close in UTC. Feast enforces no
    TTL online: the caller judges the age.
    """

    features: pd.DataFrame
    close: pd.Series[float]
    factor: pd.Series[float]
    as_of: pd.Series[pd.Timestamp]
    event_timestamp: pd.Series[pd.Timestamp]


class Progress:
    """Which version of which event each ticker has online, per view, in a small JSON file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.views: dict[str, dict[str, list[str]]] = json.loads(file.read_text()) if file.exists() else {}

    def newer(self, view: str, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that are later than what their ticker has online, by event, then by version."""
        online = self.views.get(view, {})
        later = [
            ticker not in online or (event, created) > tuple(map(pd.Timestamp, online[ticker]))
            for ticker, event, created in _keys(rows)
        ]
        return rows[np.array(later, dtype=bool)]

    def standing(self, view: str, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows that are online: the same event and version."""
        online = self.views.get(view, {})
        same = [online.get(t) == [str(event), str(created)] for t, event, created in _keys(rows)]
        return rows[np.array(same, dtype=bool)]

    def record(self, view: str, rows: pd.DataFrame) -> None:
        """Note that `rows` are online now."""
        marks = {t: [str(event), str(created)] for t, event, created in _keys(rows)}
        self._write(view, self.views.get(view, {}) | marks)

    def forget(self, view: str, tickers: Collection[str]) -> None:
        """Have the rows of `tickers` moved again next time."""
        self._write(view, {t: marks for t, marks in self.views[view].items() if t not in tickers})

    def _write(self, view: str, marks: dict[str, list[str]]) -> None:
        self.views[view] = marks
        aside = self.file.with_suffix(".tmp")
        aside.write_text(json.dumps(self.views))
        aside.replace(self.file)

    def watermark(self, moved: int = 0) -> Watermark:
        """How far the online store has come."""
        moved_views = {view: marks for view, marks in self.views.items() if marks}
        newest = {view: max(pd.Timestamp(at) for at, _ in marks.values()) for view, marks in moved_views.items()}
        return Watermark(newest, moved)


def materialize(feast: Any, root: Path, progress: Progress, until: pd.Timestamp, views: Sequence[str]) -> Watermark:
    """See `Features.materialize`."""
    moved, wrong = 0, []
    for view in views:
        definition = _definition(feast, view)
        names = [feature.name for feature in definition.features]
        reach = files.read(root / view, [*files.KEYS, *names], until - definition.ttl, until)
        known = files.newest(reach).to_pandas()
        rows = progress.newer(view, known)
        if len(rows):
            feast.write_to_online_store(view, rows)
            progress.record(view, rows)
        moved += len(rows)
        standing = progress.standing(view, known)
        if differing := _differing(standing, _read_view(feast, view, sorted(standing["ticker"]))):
            progress.forget(view, differing)
            wrong += [f"{view} of {ticker}" for ticker in differing]
    mark_unequal(root, wrong)
    return progress.watermark(moved)


def read(feast: Any, tickers: list[str], views: Sequence[str], names: Sequence[str]) -> OnlineFeatures:
    """See `Features.read_online`; the price is the first of the views, the features are in the others."""
    ordered = sorted(set(tickers))
    price, *others = (_read_view(feast, view, ordered) for view in views)
    if any(price["event_timestamp"].to_dict() != other["event_timestamp"].to_dict() for other in others):
        raise Unavailable("online prices and features stand at different sessions.", "Materialize, then read again.")
    features = pd.concat([other.drop(columns="event_timestamp") for other in others], axis=1)
    return OnlineFeatures(
        features=features[list(names)].astype(np.float32),
        close=price["close"].astype("float64"),
        factor=price["factor"].astype("float64"),
        as_of=price["session"].astype("datetime64[us]").rename("as_of"),
        event_timestamp=price["closed_at"].astype("datetime64[us, UTC]").rename("event_timestamp"),
    )


def mark_unequal(root: Path, wrong: Sequence[str]) -> None:
    """Keep on disk what is online and not as offline, so that nobody reads it; clear it when all is equal.

    Raises:
        Broken: a value differs.
    """
    mark = root / UNEQUAL
    mark.unlink(missing_ok=True)
    if wrong:
        mark.write_text(", ".join(wrong))
        raise Broken(
            f"Online values of {len(wrong)} rows are not those of the offline store: {', '.join(wrong[:5])}.",
            "Materialize again: these rows are moved anew.",
        )


def _differing(offline: pd.DataFrame, online: pd.DataFrame) -> list[str]:
    """Tickers of which a value is not the same, bit for bit (one NaN is like another)."""
    expected = offline.set_index("ticker").drop(columns=["event_timestamp", "created"])
    standing = online.reindex(expected.index)
    differs = np.zeros(len(expected), dtype=bool)
    for kind in expected.dtypes.unique():
        names = list(expected.columns[expected.dtypes == kind])
        differs |= (_bits(expected[names].to_numpy()) != _bits(standing[names].to_numpy().astype(kind))).any(axis=1)
    return list(expected.index[differs])


def _bits(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind != "f":
        return values
    return np.where(np.isnan(values), values.dtype.type(np.nan), values).view(f"u{values.dtype.itemsize}")


def _keys(rows: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    return iter(rows[files.KEYS].itertuples(index=False, name=None))


def _read_view(feast: Any, view: str, tickers: list[str]) -> pd.DataFrame:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    definition = _definition(feast, view)
    keys = [EntityKey(join_keys=["ticker"], entity_values=[Value(string_val=ticker)]) for ticker in tickers]
    answers = feast._get_provider().online_read(feast.config, definition, keys)
    # Feast's Redis store answers for a key it does not hold with no values as of 1970.
    known = {t: answer for t, answer in zip(tickers, answers, strict=True) if answer[1] and answer[0].timestamp()}
    index = pd.Index(list(known), name="ticker", dtype=object)
    columns = {
        feature.name: [_python(values[feature.name]) for _, values in known.values()] for feature in definition.features
    }
    moments = pd.Series([moment for moment, _ in known.values()], index=index, dtype="datetime64[us, UTC]")
    return pd.DataFrame(columns, index=index).assign(event_timestamp=moments)


@lru_cache(maxsize=8)
def _definition(feast: Any, view: str) -> Any:
    """The view as registered; Feast itself would parse its 158 fields anew at each call."""
    return feast.get_feature_view(view, allow_registry_cache=True)


def _python(value: Any) -> Any:
    kind = value.WhichOneof("val")
    return np.nan if kind is None or kind == "null_val" else getattr(value, kind)
