"""A replay's models are those that a training makes, by whatever learner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evergreen.core.market import simulate
from evergreen.core.model.aim import NEXT_RETURN
from evergreen.core.model.protocol import forecast
from evergreen.core.model.registry import learner
from evergreen.replay.bars import clean
from evergreen.replay.fits import Fits
from evergreen.replay.market import Market, build_market
from evergreen.replay.models import Models
from tests.unit.replay.conftest import SMALL

STOP, START, END = 300, 380, 390


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    """Six stocks whose reversal can be predicted."""
    bars = simulate(6, 420, seed=11, ic=0.2)
    return build_market(clean(bars, bars["session"].max(), "XNYS"), NEXT_RETURN, tmp_path_factory.mktemp("market"))


@pytest.mark.parametrize("name", ["lightgbm", "averaged_lightgbm", "ranked_lightgbm", "ridge", "blend"])
def test_models__forecast_by_the_learner_of_the_configuration_as_a_service_would(
    market: Market, tmp_path: Path, name: str
) -> None:
    config = replace(SMALL, learner=name)
    models = Models(market, Fits(market, config, tmp_path))
    trained = models.trained_at(STOP + market.horizon)
    (theirs,) = learner(name).fits(market.panel, [market.known(trained.session)], config)
    assert trained.fit.model.kind == name
    for session in range(START, END):
        rows = market.matrix[market.rows(session, session + 1)]
        served = forecast(theirs.model, np.asarray(rows))
        assert np.array_equal(models.answer(trained, np.asarray(rows)), served)
        assert np.array_equal(models.forecast(trained, START, END)[session_rows(market, session)], served)


def session_rows(market: Market, session: int) -> slice:
    """Where a session lies within the forecasts from `START` on."""
    rows, first = market.rows(session, session + 1), int(market.first_row[START])
    return slice(rows.start - first, rows.stop - first)
