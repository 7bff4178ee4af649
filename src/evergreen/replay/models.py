"""Trained models as policies meet them: their record, what they forecast since, and what drift is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.drift import Calibration, Counts, TooLittleHistory, calibrate, join, make_grid, session_counts
from evergreen.core.features import FEATURE_NAMES, LOOKBACK
from evergreen.core.model.booster import predict
from evergreen.core.model.fitting import Fit, forecast_sessions
from evergreen.core.model.intervals import Band
from evergreen.core.model.training import folds_of, out_of_sample
from evergreen.replay.fits import Fits
from evergreen.replay.market import Market

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trained:
    """A model trained at the close of a session, with the evidence for it.

    Attributes:
        session: its number; it knows the labels that were known then.
        record: its walk-forward record, as `core.model.training.Training.oos`; tickers by place.
        fit: the model of all of them.
        band: of its first interval.
        residual_sigma: standard deviation of the record's errors.
        target: lowest and highest label it knows.
    """

    session: int
    record: pd.DataFrame
    fit: Fit
    band: Band
    residual_sigma: float
    target: tuple[float, float]


class Models:
    """The models of a market, made when somebody asks and then shared."""

    def __init__(self, market: Market, fits: Fits) -> None:
        self.market, self.fits = market, fits
        self._blocks: dict[tuple[int, int], Floats] = {}
        self._trained = lru_cache(8)(self._train)
        self._calibrated = lru_cache(8)(self._calibrate)

    def stops_at(self, session: int) -> list[int]:
        """How many labelled sessions each fit of a training at a session knows, the final model's last.

        Raises:
            BadInput: too few sessions for the folds.
        """
        known = self.market.known(session)
        folds = folds_of(self.market.panel.sessions[:known], self.fits.config)
        return [*(len(fold.train) for fold in folds), known]

    def trained_at(self, session: int) -> Trained:
        """What a training at the close of a session gives."""
        return self._trained(session)

    def monitor(self, session: int) -> Monitor | TooLittleHistory:
        """What drift of a model trained at a session is judged by, as known then."""
        calibrated = self._calibrated(session)
        return calibrated if isinstance(calibrated, TooLittleHistory) else Monitor(self, *calibrated, session + 1)

    def _train(self, session: int) -> Trained:
        config, known = self.fits.config, self.market.known(session)
        panel = self.market.until(known)
        folds = folds_of(panel.sessions, config)
        starts = [int(panel.sessions.searchsorted(fold.test[0])) for fold in folds]
        forecast = np.concatenate(
            [
                self._of_fold(len(fold.train), start, start + len(fold.test))
                for fold, start in zip(folds, starts, strict=True)
            ]
        )
        first = self.fits.before(len(folds[0].train))
        tested = range(starts[0], known)
        record, band = out_of_sample(panel, tested, forecast, first, self.market.scale, config)
        return Trained(
            session=session,
            record=record,
            fit=self.fits.before(known),
            band=band,
            residual_sigma=float((record["label"] - record["forecast"]).std()),
            target=(float(panel.label.min()), float(panel.label.max())),
        )

    def _of_fold(self, stop: int, start: int, end: int) -> Floats:
        """What a fold's model forecasts of the labelled rows of sessions start <= i < end, made once for all ends."""
        key = (stop, start)
        rows = self.market.panel.rows(start, end)
        kept = self._blocks.get(key)
        if kept is None or len(kept) < rows.stop - rows.start:
            sessions = len(self.market.panel.sessions)
            reach = min(sessions, max(end, start + self.fits.config.test_size * 3 // 2))
            kept = forecast_sessions(self.fits.before(stop), self.market.panel, start, reach)
            self._blocks[key] = kept
        return kept[: rows.stop - rows.start]

    def forecast(self, model: Trained, start: int, stop: int) -> Floats:
        """What a model forecasts of every row of the sessions numbered start <= i < stop."""
        return predict(model.fit.booster, np.asarray(self.market.matrix[self.market.rows(start, stop)]))

    def _calibrate(self, session: int) -> tuple[Calibration, Counts] | TooLittleHistory:
        history = self.features(0, session + 1)
        counts = session_counts(history, make_grid(history))
        calibration = calibrate(counts, memory=LOOKBACK)
        if isinstance(calibration, TooLittleHistory):
            return calibration
        return calibration, counts.upto(counts.sessions[-1], calibration.windows.pair)

    def features(self, start: int, stop: int) -> pd.DataFrame:
        """The factors of every row of the sessions numbered start <= i < stop, by ticker and session."""
        rows = self.market.rows(start, stop)
        session = self.market.sessions.repeat(np.diff(self.market.first_row))[rows]
        index = pd.MultiIndex.from_arrays([self.market.ticker[rows], session], names=["ticker", "session"])
        return pd.DataFrame(self.market.matrix[rows], index=index, columns=list(FEATURE_NAMES), copy=False)


class Monitor:
    """A model's drift calibration, and the counts of the sessions since."""

    def __init__(self, models: Models, calibration: Calibration, counts: Counts, counted: int) -> None:
        self.calibration = calibration
        self._models, self._counts, self._counted = models, counts, counted

    def counts(self, session: int) -> Counts:
        """Of the sessions a check at a session looks at; asked for later and later sessions."""
        if session >= self._counted:
            fresh = session_counts(self._models.features(self._counted, session + 1), self.calibration.grid)
            pair = self.calibration.windows.pair
            self._counts = join([self._counts, fresh]).upto(fresh.sessions[-1], pair)
            self._counted = session + 1
        return self._counts
