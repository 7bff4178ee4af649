from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from evergreen.core.dataset.panel import labelled_panel
from evergreen.core.model.averaged_lightgbm import AveragedLightGBMLearner
from evergreen.core.model.lightgbm_learner import LightGBMLearner
from evergreen.core.model.side_by_side import spread


def test_spread__keeps_the_order_whoever_is_done_first():
    second_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_done.wait(10)
        if number == 1:
            second_done.set()
        return -number

    assert list(spread(work, range(5), 2)) == [0, -1, -2, -3, -4]


@pytest.mark.parametrize("ends", ["closed", "an error"])
def test_spread__ends_what_has_not_begun(ends: str):
    begun: list[int] = []
    go_on = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number == 0 and ends == "an error":
            raise ValueError("no fit")
        if number == 1:
            assert go_on.wait(10)
        return number

    results = spread(work, range(50), 1)
    threading.Timer(0.2, go_on.set).start()
    if ends == "an error":
        with pytest.raises(ValueError, match="no fit"):
            next(results)
    else:
        assert next(results) == 0
        results.close()
    assert len(begun) <= 3


@pytest.mark.parametrize("learner", [LightGBMLearner(), AveragedLightGBMLearner()], ids=["one", "averaged"])
@pytest.mark.parametrize("patience", [0, 5])
def test_fits__are_the_same_to_the_bit_however_many_at_a_time(learner, patience, small_training_set, small_config):
    panel = labelled_panel(small_training_set)
    stops = [len(panel.sessions) - 40, len(panel.sessions) - 20, len(panel.sessions)]

    def texts(threads: int) -> list[bytes]:
        config = replace(small_config, patience=patience, num_threads=threads)
        return [fit.model.to_bytes() for fit in learner.fits(panel, stops, config)]

    assert texts(1) == texts(4) == texts(0)


def test_fits__of_many_threads_touch_nothing_of_each_other(small_training_set, small_config):
    panel = labelled_panel(small_training_set)
    stops, config = list(range(200, len(panel.sessions), 4)), replace(small_config, rounds=4, patience=2, num_threads=6)

    def texts() -> list[bytes]:
        return [fit.model.to_bytes() for fit in AveragedLightGBMLearner().fits(panel, stops, config)]

    first = texts()
    assert all(texts() == first for _ in range(8))
