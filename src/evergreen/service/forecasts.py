"""Today's forecasts of every ticker, as the status page shows them: the champion's, with the challenger's beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evergreen.service.state import Snapshot

Hits = Mapping[str, tuple[int, int]]  # ticker -> (forecasts with the right sign, forecasts settled)


@dataclass(frozen=True)
class TickerForecast:
    """One ticker's forecast: prices in the market's currency, returns in log, `age` in sessions.

    Without a price, where none follows from the target, `lower` and `upper` are ends of the forecast's interval.
    `hit_rate` is the share, 0..1, of the champion's settled forecasts of this ticker whose sign was right; None
    before any has settled. `challenger` is that model's forecast, None without one.
    """

    ticker: str
    last_close: float
    price: float | None
    lower: float
    upper: float
    forecast: float
    challenger: float | None
    age: int
    hit_rate: float | None
    settled: int


def todays_forecasts(snapshot: Snapshot, hits: Hits) -> list[TickerForecast]:
    """The forecasts that `snapshot` answers with, highest first."""
    lineup = snapshot.lineup
    champion = snapshot.tables[lineup.champion.version]
    challenger = snapshot.tables[lineup.challenger.version].values if lineup.challenger is not None else None
    rows = []
    for place, ticker in enumerate(snapshot.universe.tickers):
        close, value = float(snapshot.universe.last_close[place]), float(champion.values[place])
        price, lower, upper = champion.prices(place, close)
        right, settled = hits.get(ticker, (0, 0))
        rows.append(
            TickerForecast(
                ticker=ticker,
                last_close=close,
                price=price,
                lower=lower,
                upper=upper,
                forecast=value,
                challenger=None if challenger is None else float(challenger[place]),
                age=snapshot.ages[place],
                hit_rate=right / settled if settled else None,
                settled=settled,
            )
        )
    return sorted(rows, key=lambda row: -row.forecast)
