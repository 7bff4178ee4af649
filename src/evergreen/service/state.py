"""What is served at one instant: an immutable snapshot of models, features and clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.canary.assignment import Arm
from evergreen.core.features.row_hashes import row_hashes
from evergreen.core.model.input_checks import Inputs, examine
from evergreen.core.model.intervals import Standing
from evergreen.core.model.manifest import Manifest
from evergreen.core.model.protocol import Model, forecast
from evergreen.errors import ModelRefused, NotFound

Matrix = NDArray[np.float32]
Forecasts = NDArray[np.float64]
Reach = tuple[Forecasts, Forecasts]


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A verified model with the manifest it was registered with."""

    version: str
    model: Model
    manifest: Manifest

    def forecast(self, rows: Matrix) -> Forecasts:
        """Log return over the manifest's horizon for each row as `prepare` gave it."""
        return self.model.predict(rows)

    def prepare(self, rows: Matrix, sessions: Sequence[pd.Timestamp]) -> Matrix:
        """What `forecast` reads, of all tickers' features in the manifest's order and the sessions they stand at."""
        codes, _ = pd.factorize(pd.DatetimeIndex(list(sessions)))
        return np.ascontiguousarray(self.model.prepare(rows, codes))

    def reach(self, universe: Universe) -> Reach:
        """How far the interval of each ticker's forecast reaches to both sides, log return."""
        manifest = self.manifest
        standing = universe.standing or Standing(manifest.as_of, manifest.scales, {})
        return standing.reach(universe.tickers, self.version, manifest.band)

    def examine(self, rows: Matrix) -> Inputs:
        """How much of each row this model misses or never met."""
        return examine(rows, self.manifest.feature_low, self.manifest.feature_high)

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
class Lineup:
    """Who serves: a rollout row with its models. `refusal` says why a loaded challenger does not score.

    `previous` is the champion before a fresh promotion, kept warm so that it can come back at once.
    """

    rollout: Rollout
    champion: ServedModel
    challenger: ServedModel | None = None
    refusal: str = ""
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

    `reaches` are the ends of the intervals around each ticker's forecast, by version, and `inputs` how much of each
    ticker's features that version misses or never met; `clock` is the last closed
    session and `ages` the sessions between each ticker's features and it.
    """

    lineup: Lineup
    universe: Universe
    places: Mapping[str, int]
    champion_rows: Matrix
    challenger_rows: Matrix | None
    reaches: Mapping[str, Reach]
    inputs: Mapping[str, Inputs]
    clock: pd.Timestamp
    ages: tuple[int, ...]
    built_at: datetime

    def rows_for(self, model: ServedModel) -> Matrix:
        """Every ticker's row as `model` reads it."""
        return _rows_for(model, self.universe)

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


def compose(lineup: Lineup, universe: Universe, clock: pd.Timestamp, ages: tuple[int, ...], now: datetime) -> Snapshot:
    """Bring models and features together; the champion answers every ticker once before it may serve.

    Raises:
        ModelRefused: the champion does not fit the features, or forecasts a non-finite return on them.
        NotFound: no ticker has usable features.
    """
    if not universe.tickers:
        raise NotFound("The online store holds no usable features.", "Run `evergreen daily`.")
    rows = _rows_for(lineup.champion, universe)
    if not np.isfinite(lineup.champion.forecast(rows)).all():
        raise ModelRefused(
            f"Model {lineup.champion.version} forecasts a non-finite return on the newest features.",
            "Roll back with `evergreen canary rollback`.",
        )
    fitted, challenger_rows = _fit_challenger(lineup, universe)
    scoring = [model for model in (fitted.champion, fitted.challenger) if model is not None]
    return Snapshot(
        lineup=fitted,
        universe=universe,
        places=MappingProxyType({ticker: place for place, ticker in enumerate(universe.tickers)}),
        champion_rows=rows,
        challenger_rows=challenger_rows,
        reaches={model.version: model.reach(universe) for model in scoring},
        inputs={model.version: model.examine(_features_for(model, universe)) for model in scoring},
        clock=clock,
        ages=ages,
        built_at=now,
    )


def _fit_challenger(lineup: Lineup, universe: Universe) -> tuple[Lineup, Matrix | None]:
    if lineup.challenger is None:
        return lineup, None
    try:
        return lineup, _rows_for(lineup.challenger, universe)
    except ModelRefused as refusal:
        return replace(lineup, challenger=None, refusal=str(refusal)), None


def rehearse(model: ServedModel) -> ServedModel:
    """Let the model answer the golden rows of its manifest.

    Raises:
        ModelRefused: there are none, or an output differs in a single bit from the one recorded at training.
    """
    golden = model.manifest.golden_matrix()
    recorded = np.asarray(model.manifest.golden_outputs, dtype=np.float64)
    if not len(golden) or not np.array_equal(forecast(model.model, golden), recorded):
        raise ModelRefused(
            f"Model {model.version} does not repeat the golden forecasts recorded with it.",
            "Fetch it again from the registry with `evergreen reconcile`, or roll back.",
        )
    return model


def _features_for(model: ServedModel, universe: Universe) -> Matrix:
    return np.ascontiguousarray(universe.features[:, model.columns(universe.names)])


def _rows_for(model: ServedModel, universe: Universe) -> Matrix:
    return model.prepare(_features_for(model, universe), universe.sessions)
