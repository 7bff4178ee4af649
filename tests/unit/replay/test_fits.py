"""Fits are made once for all processes, and none waits for another while there is something else to fit."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from evergreen.core.market import simulate
from evergreen.core.model.aim import NEXT_RETURN
from evergreen.replay.bars import clean
from evergreen.replay.fits import Fits
from evergreen.replay.market import Market, build_market
from tests.unit.replay.conftest import SMALL


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    bars = simulate(3, 420, seed=5)
    return build_market(clean(bars, bars["session"].max(), "XNYS"), NEXT_RETURN, tmp_path_factory.mktemp("market"))


def test_of__what_another_process_fits_is_waited_for_last(market: Market, tmp_path: Path) -> None:
    fits = Fits(market, SMALL, tmp_path)
    with ThreadPoolExecutor() as pool:
        with FileLock(tmp_path / f"{fits.key(300)}.lock"):
            both = pool.submit(fits.of, [300, 310])
            while not fits.has(310):
                assert not both.done()
                time.sleep(0.01)
            assert not fits.has(300)
        ours = both.result()
    assert ours[0].model.to_bytes() == Fits(market, SMALL, tmp_path / "again").before(300).model.to_bytes()
