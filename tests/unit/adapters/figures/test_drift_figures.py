from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from benchmarks.stationary import features, market
from evergreen.adapters.figures import drifting, save
from evergreen.core.drift import Calibration, DriftCheck, SkillTest, calibrate, check, make_grid, session_counts


def pictures() -> dict[str, Figure]:
    frame = features(*market(1, 500, 4))
    counts = session_counts(frame, make_grid(frame))
    calibration = calibrate(counts)
    assert isinstance(calibration, Calibration)
    looked = check(calibration, counts, counts.sessions[-1])
    assert isinstance(looked, DriftCheck)
    generator = np.random.default_rng(2)
    test = SkillTest(*generator.lognormal(0, 0.1, (2, 100)))
    for day in pd.bdate_range("2008-09-01", periods=30):
        test.update(day, *generator.lognormal(0, 0.1, 2))
    return {
        "null": drifting.against_null(looked, calibration),
        "shifts": drifting.shifts(looked, counts, calibration),
        "history": drifting.history(["2008-09-05", "2008-09-12"], [0.3, None], 0.02),
        "skill": drifting.skill(test),
    }


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    return pictures()


def test_figures__each_is_a_picture_with_titles(figures: dict[str, Figure], tmp_path: Path) -> None:
    for name, figure in figures.items():
        assert Path(save(figure, tmp_path / f"{name}.png")).stat().st_size > 5_000
        assert all(axes.get_title(loc="left") for axes in figure.axes)


def test_skill__of_a_few_sessions_is_marked_by_days_not_hours() -> None:
    test = SkillTest(*np.random.default_rng(2).lognormal(0, 0.1, (2, 100)))
    for day in pd.bdate_range("2008-07-01", periods=3):
        test.update(day, 1.0, 1.1)
    figure = drifting.skill(test)
    figure.canvas.draw()
    marked = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert len(set(marked)) == len(marked) == 3


def test_shifts__bars_of_the_current_window_add_up_to_its_values(figures: dict[str, Figure]) -> None:
    heights = [[bar.get_height() for bar in axes.patches[:10]] for axes in figures["shifts"].axes]
    assert [len(bars) for bars in heights] == [10] * drifting.PANELS
    assert all(0.9 < sum(bars) <= 1.01 for bars in heights)
