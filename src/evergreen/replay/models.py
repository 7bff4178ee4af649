"""Trained models as policies meet them: their record, what they forecast since, and what drift is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.drift import Calibration, Counts, TooLittleHistory, join, session_counts
from evergreen.core.model.continuity import Continuity
from evergreen.core.model.intervals import Band
from evergreen.core.model.protocol import Fit, forecast
from evergreen.core.model.walk_forward_record import continuity_of, folds_of, forecast_folds, out_of_sample
from evergreen.replay.calibrations import Calibrations
from evergreen.replay.fits import Fits
from evergreen.replay.losses import Losses, SessionLosses
from evergreen.replay.market import Market

Floats = NDArray[np.float64]

BLOCK = 32  # sessions forecast at once: a canary looks day by day, and each call of a model has its price
AT_HAND = 512  # blocks in memory: with 500 tickers 65 MB, what two models say in fifteen years and more


@dataclass(frozen=True, eq=False)
class Trained:
    """A model trained at the close of a session.

    Attributes:
        session: its number; the model knows the labels that were known then.
        fit: the model of all of them.
        target: lowest and highest label it knows.
    """

    session: int
    fit: Fit
    target: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Record:
    """The evidence that came with a model.

    Attributes:
        oos: its walk-forward record, as `core.model.training.Training.oos`; tickers by place.
        band: of its first interval.
        residual_sigma: standard deviation of the record's errors.
        continuity: whether the model follows on those of its record; None with too few folds.
    """

    oos: pd.DataFrame
    band: Band
    residual_sigma: float
    continuity: Continuity | None


class Models:
    """The models of a market, made when somebody asks and then shared; what they lost lies beside the fits."""

    def __init__(self, market: Market, fits: Fits) -> None:
        self.market, self.fits = market, fits
        self._losses = Losses(market, fits.folder / "losses")
        self._recorded = lru_cache(8)(self._record)
        self._calibrations = Calibrations(fits)
        self._blocks = lru_cache(AT_HAND)(self._block)

    def trained_at(self, session: int) -> Trained:
        """The model of a training at the close of a session."""
        known = self.market.known(session)
        label = self.market.until(known).label
        return Trained(session, self.fits.before(known), (float(label.min()), float(label.max())))

    def record(self, session: int) -> Record:
        """The evidence for the model of a training at the close of a session.

        Raises:
            BadInput: too few sessions for the folds.
        """
        return self._recorded(session)

    def first_band(self, model: Trained) -> Band:
        """Of a model without a record: the interval that held the residuals of its own validation tail."""
        config, fit = self.fits.config, model.fit
        tail = self.market.panel.rows(fit.tail_start, fit.tail_start + config.validation_size)
        return Band.of(fit.tail_residuals / self.market.scale[tail], config.interval)

    def monitor(self, session: int) -> Monitor | TooLittleHistory:
        """What drift of a model trained at a session is judged by, as known then."""
        calibrated = self._calibrations.at(session)
        if isinstance(calibrated, TooLittleHistory):
            return calibrated
        return Monitor(self._calibrations, *calibrated, session + 1)

    def _record(self, session: int) -> Record:
        config, panel = self.fits.config, self.market.until(self.market.known(session))
        folds = folds_of(panel.sessions, config)
        fits = self.fits.of([len(fold.train) for fold in folds])
        tested, forecasts = forecast_folds(panel, folds, fits, config)
        oos, band = out_of_sample(panel, tested, forecasts, fits[0], self.market.scale, config)
        known = [*fits, self.fits.before(len(panel.sessions))]
        continuity = continuity_of(panel, folds, known, forecasts, config)
        return Record(oos, band, float((oos["label"] - oos["forecast"]).std()), continuity)

    def require_history(self, session: int) -> None:
        """Pass if a training at the close of a session has a record of at least one fold.

        Raises:
            BadInput: too few sessions for it.
        """
        folds_of(self.market.until(self.market.known(session)).sessions, self.fits.config)

    def losses(self, model: Trained, sessions: range) -> SessionLosses:
        """What a model loses in the sessions of these numbers, beside the random walk."""
        name = self.fits.key(self.market.known(model.session))
        return self._losses.of(name, sessions, lambda start, stop: self.forecast(model, start, stop))

    def forecast(self, model: Trained, start: int, stop: int) -> Floats:
        """What a model forecasts of every row of the sessions numbered start <= i < stop."""
        if start == stop:
            return np.zeros(0)
        first, known = start // BLOCK, self.market.known(model.session)
        blocks = [self._blocks(known, number) for number in range(first, (stop - 1) // BLOCK + 1)]
        rows, before = self.market.rows(start, stop), int(self.market.first_row[first * BLOCK])
        return np.concatenate(blocks)[rows.start - before : rows.stop - before]

    def _block(self, known: int, number: int) -> Floats:
        """What the model of the first `known` labelled sessions says of a block of the market's."""
        start = number * BLOCK
        stop = min(start + BLOCK, len(self.market.sessions))
        session = np.arange(stop - start).repeat(np.diff(self.market.first_row[start : stop + 1]))
        features = np.asarray(self.market.matrix[self.market.rows(start, stop)])
        return forecast(self.fits.before(known).model, features, session)

    def answer(self, model: Trained, features: NDArray[np.float32]) -> Floats:
        """What a model says of all rows of one session."""
        return forecast(model.fit.model, features)


class Monitor:
    """A model's drift calibration, and the counts of the sessions since."""

    def __init__(self, history: Calibrations, calibration: Calibration, counts: Counts, counted: int) -> None:
        self.calibration = calibration
        self._history, self._counts, self._counted = history, counts, counted

    def counts(self, session: int) -> Counts:
        """Of the sessions a check at a session looks at; asked for later and later sessions."""
        if session >= self._counted:
            fresh = session_counts(self._history.features(self._counted, session + 1), self.calibration.grid)
            pair = self.calibration.windows.pair
            self._counts = join([self._counts, fresh]).upto(fresh.sessions[-1], pair)
            self._counted = session + 1
        return self._counts
