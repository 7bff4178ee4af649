"""The online side: moving the newest rows there, and reading them back all at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evergreen.adapters.feast import files
from evergreen.core.features import FEATURE_NAMES
from evergreen.errors import Unavailable

VIEWS = ("price", "alpha158")


@dataclass(frozen=True)
class Watermark:
    """The newest event (UTC) online per view, once there is one, and how many rows the call moved."""

    until: dict[str, pd.Timestamp]
    moved: int


@dataclass(frozen=True)
class OnlineFeatures:
    """Online values by ticker, sorted; tickers that have none are left out.

    `features` is float32 [ticker x 158]; `close` is raw, `close * factor` adjusted; `as_of` is the session
    the values belong to, `event_timestamp` its close in UTC. Feast enforces no TTL online: the caller judges
    the age.
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
            for ticker, event, created in rows[files.KEYS].itertuples(index=False)
        ]
        return rows[np.array(later, dtype=bool)]

    def record(self, view: str, rows: pd.DataFrame) -> None:
        """Note that `rows` are online now."""
        marks = {t: [str(event), str(created)] for t, event, created in rows[files.KEYS].itertuples(index=False)}
        self.views[view] = self.views.get(view, {}) | marks
        aside = self.file.with_suffix(".tmp")
        aside.write_text(json.dumps(self.views))
        aside.replace(self.file)

    def watermark(self, moved: int = 0) -> Watermark:
        """How far the online store has come."""
        newest = {view: max(pd.Timestamp(at) for at, _ in marks.values()) for view, marks in self.views.items()}
        return Watermark(newest, moved)


def materialize(feast: Any, root: Path, progress: Progress, until: pd.Timestamp) -> Watermark:
    """See `Features.materialize`."""
    moved = 0
    for view in VIEWS:
        definition = _definition(feast, view)
        names = [feature.name for feature in definition.features]
        reach = files.read(root / view, names, until - definition.ttl, until)
        rows = progress.newer(view, files.newest(reach).to_pandas())
        if len(rows):
            feast.write_to_online_store(view, rows)
            progress.record(view, rows)
        moved += len(rows)
    return progress.watermark(moved)


def read(feast: Any, tickers: list[str]) -> OnlineFeatures:
    """See `Features.read_online`."""
    wanted = sorted(set(tickers))
    price, factors = _read_view(feast, "price", wanted), _read_view(feast, "alpha158", wanted)
    if price["event_timestamp"].to_dict() != factors["event_timestamp"].to_dict():
        raise Unavailable("online prices and features stand at different sessions.", "Materialize, then read again.")
    return OnlineFeatures(
        features=factors[list(FEATURE_NAMES)].astype(np.float32),
        close=price["close"].astype("float64"),
        factor=price["factor"].astype("float64"),
        as_of=price["session"].astype("datetime64[us]").rename("as_of"),
        event_timestamp=price["closed_at"].astype("datetime64[us, UTC]").rename("event_timestamp"),
    )


def _read_view(feast: Any, view: str, tickers: list[str]) -> pd.DataFrame:
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    definition = _definition(feast, view)
    keys = [EntityKey(join_keys=["ticker"], entity_values=[Value(string_val=ticker)]) for ticker in tickers]
    answers = feast._get_provider().online_read(feast.config, definition, keys)
    known = {t: answer for t, answer in zip(tickers, answers, strict=True) if answer[1]}
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
