"""What is served at one instant: an immutable snapshot of models, features and clock."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.canary.assignment import Arm
from evergreen.core.features.row_hashes import row_hashes
from evergreen.core.model.input_checks import Inputs, examine
from evergreen.core.model.intervals import Standing
from evergreen.core.model.manifest import Manifest
from evergreen.errors import ModelRefused
from evergreen.service.proving import ModelProcess

log = logging.getLogger("evergreen.service")

Matrix = NDArray[np.float32]
Forecasts = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A verified model, at work in a process of its own, with the manifest it was registered with."""

    version: str
    process: ModelProcess
    manifest: Manifest

    def forecast(self, universe: Universe) -> Forecasts:
        """The manifest's target over its horizon for every ticker, tried twice.

        Raises:
            ModelRefused: it needs features that are not served.
            NoForecasts: it died, hung or contradicted itself both times.
        """
        return self._forecast(self._rows(universe), universe)

    def _forecast(self, rows: Matrix, universe: Universe) -> Forecasts:
        session, _ = pd.factorize(pd.DatetimeIndex(universe.sessions))
        try:
            return self.process.forecast(rows, session)
        except ModelRefused:  # a machine short of memory ends a process too
            log.warning("model %s is asked for its forecasts again", self.version)
        try:
            return self.process.forecast(rows, session)
        except ModelRefused as failure:
            raise NoForecasts(failure.what, failure.hint) from None

    def table(self, universe: Universe) -> ForecastTable:
        """What this model says of every ticker.

        Raises:
            ModelRefused: as `forecast`.
        """
        manifest, rows = self.manifest, self._rows(universe)
        standing = universe.standing or Standing(manifest.as_of, manifest.scales, {})
        below, above = standing.reach(universe.tickers, self.version, manifest.band)
        inputs = examine(rows, manifest.feature_low, manifest.feature_high)
        return ForecastTable(self._forecast(rows, universe), below, above, inputs, manifest.is_priced)

    def _rows(self, universe: Universe) -> Matrix:
        return np.ascontiguousarray(universe.features[:, self.columns(universe.names)])

    def columns(self, names: Sequence[str]) -> list[int]:
        """Where this model's features stand among `names`.

        Raises:
            ModelRefused: a feature it was trained on is not among them.
        """
        places = {name: place for place, name in enumerate(names)}
        missing = [name for name in self.manifest.feature_names if name not in places]
        if missing:
            raise ModelRefused(
                f"Model {self.version} needs feature {missing[0]!r}, not served ({len(missing)} missing).",
                "Serve a model trained on the features of feature_repo, or add them there.",
            )
        return [places[name] for name in self.manifest.feature_names]


@dataclass(frozen=True, eq=False)
class DeliveringModel(ServedModel):
    """A model that runs elsewhere: its one input is what was delivered. `arrived` reads it, by session and ticker."""

    arrived: Callable[[str], Mapping[tuple[str, str], float]]

    def _rows(self, universe: Universe) -> Matrix:
        on_record = self.arrived(min(universe.dates))
        pairs = zip(universe.dates, universe.tickers, strict=True)
        return np.array([[on_record.get(pair, np.nan)] for pair in pairs], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class ForecastTable:
    """What one model says of every ticker of a universe, in its order.

    `values` are of the model's target, not finite where it has none; `below` and `above` how far the interval reaches
    to both sides; `inputs` how much of each ticker's features is missing or beyond its training; `priced` whether they
    are log returns, from which a price follows.
    """

    values: Forecasts
    below: Forecasts
    above: Forecasts
    inputs: Inputs
    priced: bool = True

    def interval(self, place: int) -> tuple[float, float, float]:
        """The forecast of the ticker at a place, and both ends of its interval."""
        value = float(self.values[place])
        return value, value + float(self.below[place]), value + float(self.above[place])

    def prices(self, place: int, close: float) -> tuple[float | None, float, float]:
        """The forecast price of the ticker at a place and both ends of its interval.

        Where no price follows it is None, and the ends are those of the forecast's.
        """
        value, lower, upper = self.interval(place)
        if not self.priced:
            return None, lower, upper
        return _price(close, value), _price(close, lower), _price(close, upper)


def _price(close: float, forecast: float) -> float:
    try:
        return close * math.exp(forecast)
    except OverflowError:
        return math.inf


class NoForecasts(ModelRefused):
    """A model that repeated its golden forecasts gave none of a universe."""


@dataclass(frozen=True, eq=False)
class Lineup:
    """Who serves: a rollout row with its models. `refusal` says why a loaded challenger does not answer, `failure`
    that it was asked for its forecasts and gave none.

    `previous` is the champion before a fresh promotion, kept warm so that it can come back at once.
    """

    rollout: Rollout
    champion: ServedModel
    challenger: ServedModel | None = None
    refusal: str = ""
    failure: str = ""
    previous: ServedModel | None = None

    @property
    def complete(self) -> bool:
        """Whether every model the rollout names is loaded."""
        return self.rollout.challenger is None or self.challenger is not None


@dataclass(frozen=True, eq=False)
class Universe:
    """The newest features and closes of every ticker, in memory.

    `features` is float32 [tickers x features]; `last_close` is the raw close of each ticker's session,
    `dates` are the sessions in ISO form, `hashes` those of the feature rows. `standing` is what intervals are
    made of; None before an outcome has settled.
    """

    tickers: tuple[str, ...]
    names: tuple[str, ...]
    features: Matrix
    last_close: NDArray[np.float64]
    sessions: tuple[pd.Timestamp, ...]
    dates: tuple[str, ...]
    hashes: tuple[str, ...]
    standing: Standing | None = None


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All that one answer depends on. Replaced whole, never changed.

    `tables` are the forecasts of every ticker by version, made when features or models changed; `clock` is the last
    closed session and `ages` the sessions between each ticker's features and it.
    """

    lineup: Lineup
    universe: Universe
    places: Mapping[str, int]
    tables: Mapping[str, ForecastTable]
    clock: pd.Timestamp
    ages: tuple[int, ...]
    built_at: datetime

    def model(self, version: str) -> ServedModel:
        """The champion or the challenger, by its version."""
        challenger = self.lineup.challenger
        return challenger if challenger is not None and challenger.version == version else self.lineup.champion

    def is_undelivered(self, model: ServedModel, place: int) -> bool:
        """Whether what a model that runs elsewhere says of the ticker at `place` has not come."""
        return model.manifest.is_delivered and bool(np.isnan(self.tables[model.version].values[place]))

    def answering_model(self, arm: Arm) -> ServedModel:
        """The model that answers an arm's clients."""
        return self.lineup.challenger if arm == "challenger" and self.lineup.challenger else self.lineup.champion

    @property
    def as_of(self) -> pd.Timestamp:
        """The newest session any ticker's features stand at."""
        return max(self.universe.sessions)


def make_universe(
    features: pd.DataFrame,
    close: pd.Series[float],
    as_of: pd.Series[pd.Timestamp],
    standing: Standing | None = None,
) -> Universe:
    """Hold what the online store returned, indexed by ticker; `as_of` are sessions.

    A ticker without a positive close, a session or any finite feature is left out: it cannot be forecast.
    """
    closes, sessions = close.reindex(features.index), as_of.reindex(features.index)
    finite = np.isfinite(features.to_numpy(dtype=np.float32)).any(axis=1)
    usable = finite & np.isfinite(closes.to_numpy(dtype=np.float64)) & (closes > 0) & sessions.notna()
    matrix = np.ascontiguousarray(features[usable].to_numpy(dtype=np.float32))
    stamps = tuple(pd.Timestamp(session) for session in sessions[usable])
    return Universe(
        tickers=tuple(str(ticker) for ticker in features.index[usable]),
        names=tuple(features.columns),
        features=matrix,
        last_close=closes[usable].to_numpy(dtype=np.float64),
        sessions=stamps,
        dates=tuple(stamp.date().isoformat() for stamp in stamps),
        hashes=tuple(row_hashes(matrix)),
        standing=standing,
    )
