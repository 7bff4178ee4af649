"""A version in office or in canary: what it forecast session by session, and how that came out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.canary.instance import difference_from
from evergreen.core.drift import CoverageTest, SkillTest, TooLittleHistory, outside_by_session
from evergreen.core.evaluation.losses import Statistic
from evergreen.core.evaluation.metrics import ic, rank_ic
from evergreen.core.evaluation.statistic import choose_loss, losses_by_session, suited_statistic
from evergreen.core.model.continuity import Continuity
from evergreen.core.model.intervals import Band
from evergreen.core.model.targets.protocol import Target
from evergreen.errors import BadInput
from evergreen.replay.breaks import LEAKED, SERVING
from evergreen.replay.losses import SessionLosses, squared, with_random_walk
from evergreen.replay.models import BLOCK, Models, Monitor, Trained

Floats = NDArray[np.float64]

RANDOM_WALK = "1"
SCORES = ("n", "loss", "loss_random_walk", "rank_ic", "ic")


@dataclass(frozen=True)
class ServingFault:
    """The kind of break of a version's served features, and the seed of its noise."""

    kind: str
    seed: int


class Version:
    """A trained model under the name one policy's walk gives it; without one it is the random walk."""

    def __init__(
        self, name: str, models: Models, trained: Trained | None, since: int, fault: ServingFault | None = None
    ) -> None:
        self.name, self.trained, self.since = name, trained, since
        self._models, self._market, self._fault = models, models.market, fault
        self._forecasts: dict[int, Floats] = {}
        self._scores: dict[int, pd.DataFrame] = {}
        self._bands: list[Band] = []  # that stood at each session since the first, and at those to come
        self._inside: list[float] = []

    @property
    def fault(self) -> str:
        """What is wrong with its features when it is served; empty if nothing."""
        return self._fault.kind if self._fault else ""

    @property
    def sessions(self) -> int:
        """How many sessions its market has."""
        return len(self._market.sessions)

    @property
    def horizon(self) -> int:
        """Sessions until an outcome of its market is known."""
        return self._market.horizon

    @property
    def target(self) -> Target:
        """What is forecast in its market."""
        return self._market.target

    @cached_property
    def record(self) -> pd.DataFrame | None:
        """Its walk-forward record; None of the random walk. That of a leak knows some of each outcome."""
        if self.trained is None:
            return None
        record = self._models.record(self.trained.session).oos
        if self._fault and self._fault.kind == "leak":
            return record.assign(forecast=record["forecast"] + LEAKED * record["label"])
        return record

    @property
    def continuity(self) -> Continuity | None:
        """Whether it follows on the models of its record; None of the random walk."""
        return self._models.record(self.trained.session).continuity if self.trained else None

    @property
    def residual_sigma(self) -> float:
        """Standard deviation of its record's errors.

        Raises:
            BadInput: it is the random walk, which has no record.
        """
        if self.trained is None:
            raise BadInput("the random walk has no record.", "Ask a trained version.")
        return self._models.record(self.trained.session).residual_sigma

    @cached_property
    def monitor(self) -> Monitor | None:
        """What its features' drift is judged by; None for the random walk and after too short a history."""
        monitor = self._models.monitor(self.trained.session) if self.trained else None
        return None if isinstance(monitor, TooLittleHistory) else monitor

    def skill_test(self, run_length: float) -> SkillTest | None:
        """The evidence that it still does what its record promised, before its first session."""
        if self.record is None:
            return None
        statistic = suited_statistic(self.record["session"], self._market.target.by_order)
        rows = self.record.set_index(["ticker", "session"])
        sides = (rows["forecast"], 0.0 * rows["label"])
        ours, baseline = (losses_by_session(statistic, each, rows["label"]) for each in sides)
        return SkillTest(ours.to_numpy(), baseline.to_numpy(), run_length, statistic, self._market.horizon)

    def coverage_test(self, level: float, run_length: float) -> CoverageTest | None:
        """The evidence that its intervals hold what they promise, before its first session."""
        if self.record is None:
            return None
        promised = outside_by_session(self.record.rename(columns={"label": "outcome"}))
        return CoverageTest(promised, level, run_length, self._market.horizon)

    def forecast(self, session: int) -> Floats:
        """Of every row of a session, in the target's unit."""
        start = session - session % BLOCK
        if start not in self._forecasts:
            self._forecasts[start] = self._forecast_block(start)
        first = self._market.first_row
        offset = int(first[session] - first[start])
        return self._forecasts[start][offset : offset + int(first[session + 1] - first[session])]

    def _forecast_block(self, start: int) -> Floats:
        stop = min(start + BLOCK, len(self._market.sessions))
        if self.trained is None:
            rows = self._market.rows(start, stop)
            return np.zeros(rows.stop - rows.start)
        if self._fault is None:
            return self._models.forecast(self.trained, start, stop)
        return np.concatenate([self._faulty(session, self._fault) for session in range(start, stop)])

    def _faulty(self, session: int, fault: ServingFault) -> Floats:
        """What it forecasts when its features are served wrong."""
        assert self.trained is not None
        market = self._market
        served = np.asarray(market.matrix[market.rows(session, session + 1)])
        tickers = market.ticker[market.rows(session, session + 1)]
        earlier = market.rows(session - 1, session)
        place = pd.Index(market.ticker[earlier]).get_indexer(pd.Index(tickers))
        before = np.where((place >= 0)[:, None], np.asarray(market.matrix[earlier])[place], np.float32(np.nan))
        rng = np.random.default_rng([fault.seed, session])
        return self._models.answer(self.trained, SERVING[fault.kind](served, before, rng))

    def losses(self, sessions: range) -> SessionLosses:
        """What it loses in the sessions of these numbers, beside the random walk."""
        if self.trained is not None and self._fault is None:
            return self._models.losses(self.trained, sessions)
        forecast = np.concatenate([self.forecast(session) for session in sessions]) if len(sessions) else np.zeros(0)
        return with_random_walk(self._market, sessions, squared(self._market, sessions, forecast))

    def difference(self, session: int) -> str:
        """Whether what it served in a session is what its model says of that session's factors; empty if it is."""
        if self.trained is None:
            return ""
        tickers = self._market.tickers[self._market.ticker[self._market.rows(session, session + 1)]]
        recomputed = self._models.forecast(self.trained, session, session + 1)
        return difference_from(pd.Series(self.forecast(session), tickers), pd.Series(recomputed, tickers))

    def judged(self, statistic: Statistic, sessions: range) -> Floats:
        """What it loses in these sessions by a statistic."""
        losses = self.losses(sessions).loss
        if statistic is Statistic.SQUARED_ERROR or not len(sessions):
            return losses
        return choose_loss(statistic, losses, self.scores(sessions)["rank_ic"])

    def scores(self, sessions: range) -> pd.DataFrame:
        """By number of session: tickers with an outcome, losses, RankIC and IC of its forecasts; NaN without any."""
        starts = sorted({session - session % BLOCK for session in sessions})
        for start in starts:
            if start not in self._scores:
                self._scores[start] = self._score_block(start)
        if not starts:
            return pd.DataFrame(columns=list(SCORES), dtype=float)
        return pd.concat([self._scores[start] for start in starts]).loc[sessions.start : sessions.stop - 1]

    def _score_block(self, start: int) -> pd.DataFrame:
        market, numbers = self._market, range(start, min(start + BLOCK, len(self._market.sessions)))
        self.forecast(start)
        losses = with_random_walk(market, numbers, squared(market, numbers, self._forecasts[start]))
        rows = market.rows(numbers.start, numbers.stop)
        days = market.sessions[numbers.start : numbers.stop]
        session = days.repeat(np.diff(market.first_row[numbers.start : numbers.stop + 1]))
        index = pd.MultiIndex.from_arrays([market.ticker[rows], session], names=["ticker", "session"])
        forecast, label = pd.Series(self._forecasts[start], index), pd.Series(market.label[rows], index)
        correlations = {"rank_ic": rank_ic(forecast, label), "ic": ic(forecast, label)}
        by_session = {name: values.reindex(days).to_numpy() for name, values in correlations.items()}
        return pd.DataFrame(losses._asdict() | by_session, index=list(numbers))

    def forecasts(self, sessions: range) -> pd.DataFrame:
        """Columns ticker (its place), session, forecast of these sessions, as a record has them."""
        market = self._market
        rows = market.rows(sessions.start, sessions.stop)
        counts = np.diff(market.first_row[sessions.start : sessions.stop + 1])
        values = [self.forecast(session) for session in sessions]
        return pd.DataFrame(
            {
                "ticker": market.ticker[rows].astype(object),
                "session": market.sessions[sessions.start : sessions.stop].repeat(counts),
                "forecast": np.concatenate(values) if values else np.zeros(0),
            }
        )

    def covered(self, sessions: range, level: float) -> pd.Series:
        """By number of session, the share of outcomes inside its intervals, which move as outcomes settle.

        The first is the record's; of a version whose record nobody asked for, that of its validation tail. NaN of the
        random walk, which has none.
        """
        if self.trained is None or not len(sessions):
            return pd.Series(np.nan, index=list(sessions), dtype=float)
        if not self._bands:
            recorded = "record" in self.__dict__
            own = self._models.record(self.trained.session).band if recorded else self._models.first_band(self.trained)
            self._bands = [own] * self._market.horizon
        for session in range(self.since + len(self._inside), sessions.stop):
            scores, band = self._residuals(session), self._bands[len(self._inside)]
            self._bands.append(self._bands[-1].moved(scores, band, level))
            within = (scores >= band.low) & (scores <= band.high)
            self._inside.append(float(np.mean(within)) if len(scores) else np.nan)
        shares = self._inside[sessions.start - self.since : sessions.stop - self.since]
        return pd.Series(shares, index=list(sessions), dtype=float)

    def _residuals(self, session: int) -> Floats:
        """Outcome less forecast over the scale, of the tickers with an outcome."""
        market = self._market
        rows = market.rows(session, session + 1)
        known = np.isfinite(market.label[rows])
        first = int(np.searchsorted(market.labelled, rows.start))
        scale = market.scale[first : first + int(known.sum())]
        return np.asarray((market.label[rows][known] - self.forecast(session)[known]) / scale)
