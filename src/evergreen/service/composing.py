"""How a snapshot comes about: models and features brought together, every forecast made before a client asks."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

import numpy as np
import pandas as pd

from evergreen.errors import ModelRefused, NotFound
from evergreen.service.state import ForecastTable, Lineup, NoForecasts, ServedModel, Snapshot, Universe

log = logging.getLogger("evergreen.service")


class Tables:
    """Forecast tables of the newest universe by version: each is made once."""

    def __init__(self) -> None:
        self._universe: Universe | None = None
        self._made: dict[str, ForecastTable] = {}

    def of(self, model: ServedModel, universe: Universe) -> ForecastTable:
        """The model's table for `universe`.

        Raises:
            ModelRefused: it has none.
        """
        if universe is not self._universe:
            self._universe, self._made = universe, {}
        if model.version not in self._made:
            self._made[model.version] = model.table(universe)
        return self._made[model.version]


def compose(
    lineup: Lineup, universe: Universe, clock: pd.Timestamp, ages: tuple[int, ...], now: datetime, tables: Tables
) -> Snapshot:
    """Bring models and features together: every model forecasts every ticker before a client asks.

    Raises:
        ModelRefused: the champion does not fit the features, has no forecasts of them, or one that is not finite.
        NotFound: no ticker has usable features.
    """
    if not universe.tickers:
        raise NotFound("The online store holds no usable features.", "Run `evergreen daily`.")
    champion = tables.of(lineup.champion, universe)
    values = champion.values
    if lineup.champion.manifest.is_delivered and np.isnan(values).all():
        raise ModelRefused(
            f"Nothing was delivered to version {lineup.champion.version} for the newest session.",
            "What was served before stays, until it comes.",
        )
    if not np.isfinite(values[~np.isnan(values)] if lineup.champion.manifest.is_delivered else values).all():
        raise ModelRefused(
            f"Model {lineup.champion.version} gives a forecast that is not finite on the newest features.",
            "Roll back with `evergreen canary rollback`.",
        )
    lineup = _fitted(lineup, universe, tables)
    answering = [model for model in (lineup.champion, lineup.challenger, lineup.previous) if model is not None]
    return Snapshot(
        lineup=lineup,
        universe=universe,
        places=MappingProxyType({ticker: place for place, ticker in enumerate(universe.tickers)}),
        tables={model.version: tables.of(model, universe) for model in answering},
        clock=clock,
        ages=ages,
        built_at=now,
    )


def _fitted(lineup: Lineup, universe: Universe, tables: Tables) -> Lineup:
    """The lineup without those beside the champion that have no forecasts of these features."""
    if lineup.challenger is not None:
        try:
            tables.of(lineup.challenger, universe)
        except NoForecasts as failure:
            lineup = replace(lineup, challenger=None, refusal=str(failure), failure=failure.what)
        except ModelRefused as refusal:
            lineup = replace(lineup, challenger=None, refusal=str(refusal))
    if lineup.previous is not None:
        try:
            tables.of(lineup.previous, universe)
        except ModelRefused as refusal:
            log.warning("the champion before cannot be compared with: %s", refusal)
            lineup = replace(lineup, previous=None)
    return lineup
