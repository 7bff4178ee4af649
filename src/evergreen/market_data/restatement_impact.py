"""From bars that a vendor restated to the models that learnt from them and the forecasts made from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from evergreen.adapters.bars import BarStore
from evergreen.adapters.database import ledger, predictions, reading
from evergreen.adapters.database.ledger import ModelVersion
from evergreen.adapters.database.predictions import AnsweredForecast
from evergreen.adapters.feast import stored_versions
from evergreen.core.bars.restatement import Difference, RestatedBar, compare
from evergreen.core.features import FEATURE_NAMES
from evergreen.core.features.row_hashes import row_hashes
from evergreen.errors import NotFound
from evergreen.market_data.lost_bars import require_stored
from evergreen.workspace import Workspace

NOW = "now"


@dataclass(frozen=True)
class Affected:
    """A restated bar with what was made from it before the restatement.

    `models` are versions trained when the earlier value was the one known, on a span that holds its session;
    `predictions` ids of served forecasts whose features were computed then and look back as far as it.
    """

    ticker: str
    session: pd.Timestamp
    models: tuple[str, ...]
    predictions: tuple[str, ...]


def difference(at: Workspace, a: str, b: str) -> Difference:
    """What the bars at the point `b` say otherwise than at `a`; points as in `bars_at`."""
    return compare(bars_at(at, a), bars_at(at, b))


def bars_at(at: Workspace, point: str) -> pd.DataFrame:
    """The bars at a data version, at a time, or `now`.

    A time is ISO, UTC unless it names a zone; a date alone is its first instant. A data version is read from
    its DVC snapshot, every byte verified; a time from the store, as known then.

    Raises:
        NotFound: neither a version on record nor a time.
        Broken: the version is damaged everywhere, or bars of the store are lost.
    """
    if point in at.snapshots.versions():
        with TemporaryDirectory(prefix=".checkout-", dir=at.settings.home) as folder:
            return BarStore(at.snapshots.checkout(point, Path(folder)), at.calendar).as_of()
    known_at = None if point == NOW else moment(point)
    require_stored(at)
    return at.bars.as_of(known_at)


def moment(text: str) -> pd.Timestamp:
    """The time that `text` tells, in UTC.

    Raises:
        NotFound: it tells none.
    """
    try:
        instant = pd.Timestamp(datetime.fromisoformat(text))
    except ValueError:
        hint = "`evergreen data log` lists the versions; write a time as 2008-09-15T20:30."
        raise NotFound(f"{text!r} is neither a data version on record nor a time.", hint) from None
    return instant.tz_localize(UTC) if instant.tzinfo is None else instant.tz_convert(UTC)


def affected(at: Workspace, difference: Difference) -> list[Affected]:
    """For each restated bar the models and served forecasts that used what it said before.

    A model used the bar if its training set was joined (at `created_at`) while the earlier value was known,
    and stands at the bar's session or later. A forecast used it if its features, found again by their hash,
    were computed while the earlier value was known, and the sessions that features read hold the bar.
    Bars loaded as history count as known at their own close.
    """
    bars = difference.bars()
    if not bars:
        return []
    days = [bar.session for bar in bars]
    with reading(at.engine) as conn:
        models = ledger.model_versions(conn, at.settings.model_name)
        tickers = sorted({bar.ticker for bar in bars})
        served = predictions.served(conn, tickers, min(days), _horizon(at, max(days)))
    computed = _computed(at, served)
    by_ticker: dict[str, list[AnsweredForecast]] = defaultdict(list)
    for item in served:
        by_ticker[item.ticker].append(item)
    return [
        Affected(
            ticker=bar.ticker,
            session=bar.session,
            models=tuple(sorted(model.version for model in models if _learnt(model, bar))),
            predictions=tuple(
                item.id
                for item in by_ticker[bar.ticker]
                if bar.session <= pd.Timestamp(item.as_of) <= _horizon(at, bar.session)
                and bar.first_known <= computed[item] < bar.restated_at
            ),
        )
        for bar in bars
    ]


def _learnt(model: ModelVersion, bar: RestatedBar) -> bool:
    spanned = pd.Timestamp(model.as_of) >= bar.session
    return bool(spanned and bar.first_known <= pd.Timestamp(model.created_at) < bar.restated_at)


def _horizon(at: Workspace, session: pd.Timestamp) -> pd.Timestamp:
    """The last session whose features look back as far as `session`."""
    return at.calendar.next(session, at.features.lookback - 1)


def _computed(at: Workspace, served: Sequence[AnsweredForecast]) -> dict[AnsweredForecast, pd.Timestamp]:
    """When the features behind each forecast became known; the time of the answer where they are not on file."""
    if not served:
        return {}
    days = [pd.Timestamp(item.as_of) for item in served]
    known = _feature_versions(at, {item.ticker for item in served}, min(days), max(days))
    return {item: known.get((item.ticker, item.feature_hash), pd.Timestamp(item.at)) for item in served}


def _feature_versions(
    at: Workspace, tickers: set[str], first: pd.Timestamp, last: pd.Timestamp
) -> dict[tuple[str, str], pd.Timestamp]:
    """When each version of a feature row became known, by its ticker and hash."""
    closes = at.calendar.closes(pd.DatetimeIndex([first, last]))
    try:
        rows = stored_versions(at.settings.features, tickers, *closes)
    except NotFound:  # no features on disk any more: the times of the answers must do
        return {}
    hashes = row_hashes(rows[list(FEATURE_NAMES)].to_numpy(np.float32))
    return dict(zip(zip(rows["ticker"], hashes, strict=True), rows["created"], strict=True))
