"""What drift is judged by is worked out once for all who share a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evergreen.core.drift import TooLittleHistory
from evergreen.core.market import simulate
from evergreen.core.model.aim import NEXT_RETURN
from evergreen.replay.bars import clean
from evergreen.replay.calibrations import Calibrations
from evergreen.replay.fits import Fits
from evergreen.replay.market import Market, build_market
from tests.unit.replay.conftest import SMALL


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    bars = simulate(3, 420, seed=5)
    return build_market(clean(bars, bars["session"].max(), "XNYS"), NEXT_RETURN, tmp_path_factory.mktemp("market"))


def test_calibrations__a_second_process_reads_what_the_first_worked_out(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Calibrations(Fits(market, SMALL, tmp_path)).at(400)
    monkeypatch.setattr("evergreen.replay.calibrations.make_grid", None)
    again = Calibrations(Fits(market, SMALL, tmp_path)).at(400)
    assert not isinstance(first, TooLittleHistory) and not isinstance(again, TooLittleHistory)
    for one, other in zip(first, again, strict=True):
        assert one.to_bytes() == other.to_bytes()
    assert len(again[1].sessions) == first[0].windows.pair
    assert again[1].sessions[-1] == market.sessions[400]


def test_calibrations__the_last_session_counted_is_that_of_the_training(market: Market, tmp_path: Path) -> None:
    calibrations = Calibrations(Fits(market, SMALL, tmp_path))
    known = calibrations.at(350)
    assert not isinstance(known, TooLittleHistory)
    counted = known[0].grid.place(0, np.asarray(market.matrix[market.rows(350, 351)][:, 0]))
    assert np.array_equal(known[1].values[-1, 0], np.bincount(counted, minlength=known[0].grid.bins))


def test_calibrations__too_short_a_history_is_an_answer(market: Market, tmp_path: Path) -> None:
    assert isinstance(Calibrations(Fits(market, SMALL, tmp_path)).at(200), TooLittleHistory)
