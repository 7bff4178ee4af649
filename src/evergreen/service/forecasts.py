"""Today's forecasts of every ticker, as the status page shows them: the champion's, the challenger's below each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evergreen.core.canary.assignment import Arm
from evergreen.service.state import ServedModel, Snapshot

Hits = Mapping[str, tuple[int, int]]  # ticker -> (forecasts with the right sign, forecasts settled)


@dataclass(frozen=True)
class TickerForecast:
    """One arm's forecast of a ticker: prices in the market's currency, returns in log, `age` in sessions.

    Without a price, where none follows from the target, `lower` and `upper` are ends of the forecast's interval.
    `hit_rate` is the share, 0..1, of the arm's settled forecasts of this ticker whose sign was right; None before any
    has settled. A model that runs elsewhere and delivered nothing of the ticker has NaN in place of numbers.
    """

    ticker: str
    arm: Arm
    last_close: float
    price: float | None
    lower: float
    upper: float
    forecast: float
    age: int
    hit_rate: float | None
    settled: int


def todays_forecasts(snapshot: Snapshot, hits: Mapping[str, Hits]) -> list[TickerForecast]:
    """The forecasts that `snapshot` answers with, the champion's highest first; `hits` by version."""
    lineup = snapshot.lineup
    order = (-snapshot.tables[lineup.champion.version].values).argsort(kind="stable")
    arms: list[tuple[Arm, ServedModel | None]] = [("champion", lineup.champion), ("challenger", lineup.challenger)]
    return [
        _forecast(snapshot, int(place), arm, model.version, hits.get(model.version, {}))
        for place in order
        for arm, model in arms
        if model is not None
    ]


def _forecast(snapshot: Snapshot, place: int, arm: Arm, version: str, hits: Hits) -> TickerForecast:
    ticker, close = snapshot.universe.tickers[place], float(snapshot.universe.last_close[place])
    table = snapshot.tables[version]
    price, lower, upper = table.prices(place, close)
    right, settled = hits.get(ticker, (0, 0))
    return TickerForecast(
        ticker=ticker,
        arm=arm,
        last_close=close,
        price=price,
        lower=lower,
        upper=upper,
        forecast=float(table.values[place]),
        age=snapshot.ages[place],
        hit_rate=right / settled if settled else None,
        settled=settled,
    )
