from __future__ import annotations

from pathlib import Path

import pytest

from evergreen.adapters import figures


@pytest.fixture
def drawn(small_training):
    return {
        "skill": figures.skill_over_time(small_training.oos, small_training.folds),
        "intervals": figures.interval_calibration(small_training.oos, 0.9),
        "importances": figures.importances(small_training.importance),
        "earned": figures.earned(small_training.oos, 1),
        "scatter": figures.forecast_scatter(small_training.oos),
    }


def test_figures__are_written_as_png(drawn, tmp_path):
    for name, figure in drawn.items():
        path = Path(figures.save(figure, tmp_path / "figures" / f"{name}.png"))
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_figures__a_constant_forecast_can_be_drawn(small_training):
    flat = small_training.oos.assign(forecast=0.0)
    assert figures.skill_over_time(flat, small_training.folds).axes
    assert figures.forecast_scatter(flat).axes
    assert figures.importances(small_training.importance * 0).axes


def test_figures__one_ticker_has_no_portfolio_to_draw(small_training):
    one = small_training.oos[small_training.oos["ticker"] == small_training.oos["ticker"].iloc[0]]
    assert [len(axes.lines) for axes in figures.earned(one, 1).axes] == [1, 1]
