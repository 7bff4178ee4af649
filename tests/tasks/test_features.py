"""A history's features in slabs: the same rows as at once, whatever the bound."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.bars import parquet, store
from evergreen.adapters.feast import files, online
from evergreen.core.bars.calendar import Calendar
from evergreen.core.features import FEATURE_NAMES, LOOKBACK
from evergreen.core.market import simulate
from tests.conftest import enter

pytestmark = pytest.mark.slow

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2007-09-03"), pd.Timestamp("2008-03-14"))
BARS = simulate(3, DAYS, seed=8)


def offline(home: Path, patch: pytest.MonkeyPatch, rows_at_once: int) -> tuple[int, pd.DataFrame]:
    """How many rows were written of a history, and the factors that stand afterwards."""
    from tasks.features import build_features

    patch.setenv("EVERGREEN_ROWS_AT_ONCE", str(rows_at_once))
    at = enter(home, patch)
    at.bars.append(BARS, pd.Timestamp("2008-03-15", tz="UTC"), "simulated")
    written = build_features.fn(DAYS[0], DAYS[-1])
    rows = files.read(at.settings.features / online.FACTORS, [*files.KEYS, *FEATURE_NAMES]).to_pandas()
    return written, rows.sort_values(files.KEYS, ignore_index=True)


def test_history__in_slabs_of_a_month_has_the_bits_that_it_has_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, whole = offline(tmp_path / "once", monkeypatch, 1_000_000)
    slabbed, parts = offline(tmp_path / "slabs", monkeypatch, 1)
    assert once == slabbed == 2 * len(BARS) and len(DAYS) > LOOKBACK
    pd.testing.assert_frame_equal(parts, whole, check_exact=True)


def test_history__of_no_session_is_nothing_to_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.features import build_features

    enter(tmp_path / "home", monkeypatch)
    assert build_features.fn(DAYS[1], DAYS[0]) == 0


def test_session__is_built_without_a_look_at_the_history_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.features import build_features, update_features

    at = enter(tmp_path / "home", monkeypatch)
    at.bars.append(BARS, pd.Timestamp("2008-03-15", tz="UTC"), "simulated")
    read: list[Path] = []
    monkeypatch.setattr(store, "read_contents", lambda path: read.append(path) or parquet.read_contents(path))
    update_features.fn(DAYS[-1])
    assert not read
    build_features.fn(DAYS[0], DAYS[-1])
    assert read


def test_history__begins_with_the_first_session_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks import features

    at = enter(tmp_path / "home", monkeypatch)
    at.bars.append(BARS, pd.Timestamp("2008-03-15", tz="UTC"), "simulated")
    runs = list(features._slabs(at, pd.Timestamp("2000-01-01"), DAYS[-1]))
    assert (runs[0][0], runs[-1][1]) == (DAYS[0], DAYS[-1])
