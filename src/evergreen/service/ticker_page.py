"""One ticker as a page: today's forecasts of both models, and how their past ones came out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from sqlalchemy import Connection

from evergreen.adapters.database import evidence
from evergreen.core.bars.session import iso
from evergreen.core.canary.assignment import Arm
from evergreen.core.model.targets.protocol import Target
from evergreen.core.model.targets.registry import target as registered
from evergreen.errors import NotFound
from evergreen.service.charts import Chart, Level, Series, bare
from evergreen.service.state import ServedModel, Snapshot

PAST_DAYS = 370  # a year of sessions, and the days until the last of them settles
ALL_CLIENTS = 10_000  # basis points


@dataclass(frozen=True)
class Today:
    """What one model says of the ticker now: prices in the market's currency, `forecast` in the target's unit.

    Without a price, where none follows, `lower` and `upper` are ends of the forecast's interval. `missing` and
    `outside` are shares, 0..1, of its features: without a value, and beyond what it was trained on.
    """

    price: float | None
    lower: float
    upper: float
    forecast: float
    missing: float
    outside: float


@dataclass(frozen=True)
class ArmView:
    """One arm: who it is, the share 0..1 of clients it answers, what it says now, and its last year.

    `past` has the columns session, forecast, outcome.
    """

    arm: Arm
    version: str
    answers: float
    today: Today | None
    past: pd.DataFrame

    @property
    def judged(self) -> pd.DataFrame:
        """The past whose sign can be right or wrong: neither the forecast nor the outcome is zero or missing."""
        product = self.past["forecast"] * self.past["outcome"]
        return self.past[product.notna() & (product != 0)]

    @property
    def hit_rate(self) -> float | None:
        """Share, 0..1, of forecasts whose sign was right; None before any has settled."""
        judged = self.judged
        return float((judged["forecast"] * judged["outcome"] > 0).mean()) if len(judged) else None

    @property
    def saved(self) -> pd.Series[float]:
        """Squared error saved against a forecast of 0 so far, by session, in its average sessions."""
        settled = self.past.dropna().set_index("session")
        walk = settled["outcome"] ** 2
        return ((walk - (settled["forecast"] - settled["outcome"]) ** 2) / walk.mean()).cumsum()


@dataclass(frozen=True)
class PastForecast:
    """One session's forecasts and what came, in the target's unit; None where there is none."""

    session: str
    champion: float | None
    challenger: float | None
    outcome: float | None

    @property
    def right(self) -> str:
        """Whether the champion's sign was right, as a word; empty where it cannot be said."""
        product = (self.champion or 0) * (self.outcome or 0)
        return "" if product == 0 else "right" if product > 0 else "wrong"


@dataclass(frozen=True)
class TickerView:
    """All that a ticker's page shows; `age` in sessions. Without a served forecast only the past, and `absent` true.

    `forecasts` is the target, `target` the session that it is forecast for.
    """

    ticker: str
    forecasts: Target
    arms: list[ArmView]
    as_of: str
    target: str
    last_close: float
    age: int
    absent: bool

    @property
    def rows(self) -> list[PastForecast]:
        """The past by session, newest first."""
        by_arm = {arm.arm: arm.past.set_index("session") for arm in self.arms}
        sessions = sorted({session for past in by_arm.values() for session in past.index}, reverse=True)
        champion, challenger = by_arm["champion"], by_arm.get("challenger")
        return [
            PastForecast(
                session=iso(session),
                champion=_at(champion, session, "forecast"),
                challenger=_at(challenger, session, "forecast"),
                outcome=_or(_at(champion, session, "outcome"), _at(challenger, session, "outcome")),
            )
            for session in sessions
        ]

    @property
    def chart(self) -> Chart | None:
        """What each arm saved against the target's naive forecast; None before anything has settled."""
        saved = {arm.version: arm.saved for arm in self.arms if len(arm.saved)}
        sessions = sorted({session for line in saved.values() for session in line.index})
        if not sessions:
            return None
        lines = [
            Series(f"version {version}", line.reindex(sessions).tolist(), "good" if place == 0 else "other")
            for place, (version, line) in enumerate(saved.items())
        ]
        baseline = self.forecasts.baseline
        title = f"{self.ticker}: squared error saved against {baseline}, in average sessions"
        return Chart(title, [iso(session) for session in sessions], lines, [Level(bare(baseline), 0.0)])


def view_ticker(conn: Connection, snapshot: Snapshot, ticker: str, target: str) -> TickerView:
    """Read what the page of `ticker` shows.

    Raises:
        NotFound: it has neither a forecast nor a past.
    """
    place = snapshot.places.get(ticker)
    arms = _arms(conn, snapshot, ticker, place)
    if place is None and not any(len(arm.past) for arm in arms):
        raise NotFound(f"Nothing was ever forecast of {ticker!r} here.", "The status page lists what is.")
    return TickerView(
        ticker=ticker,
        forecasts=registered(snapshot.lineup.champion.manifest.target),
        arms=arms,
        as_of=snapshot.universe.dates[place] if place is not None else "",
        target=target,
        last_close=float(snapshot.universe.last_close[place]) if place is not None else math.nan,
        age=snapshot.ages[place] if place is not None else 0,
        absent=place is None,
    )


def _arms(conn: Connection, snapshot: Snapshot, ticker: str, place: int | None) -> list[ArmView]:
    lineup = snapshot.lineup
    share = lineup.rollout.weight / ALL_CLIENTS if lineup.challenger else 0.0
    serving: list[tuple[Arm, ServedModel | None, float]] = [
        ("champion", lineup.champion, 1 - share),
        ("challenger", lineup.challenger, share),
    ]
    start = snapshot.clock - pd.Timedelta(days=PAST_DAYS)
    return [
        ArmView(
            arm=arm,
            version=model.version,
            answers=answers,
            today=None if place is None else _today(snapshot, model.version, place),
            past=evidence.of_ticker(conn, ticker, model.version, model.manifest.aim, start),
        )
        for arm, model, answers in serving
        if model is not None
    ]


def _today(snapshot: Snapshot, version: str, place: int) -> Today | None:
    table, close = snapshot.tables[version], float(snapshot.universe.last_close[place])
    value = float(table.values[place])
    if not math.isfinite(value):
        return None
    price, low, high = table.prices(place, close)
    return Today(price, low, high, value, float(table.inputs.missing[place]), float(table.inputs.outside[place]))


def _at(past: pd.DataFrame | None, session: pd.Timestamp, column: str) -> float | None:
    if past is None or session not in past.index:
        return None
    value = float(past[column].loc[session])
    return value if math.isfinite(value) else None


def _or(value: float | None, other: float | None) -> float | None:
    return other if value is None else value
