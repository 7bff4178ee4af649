from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters import monitoring
from evergreen.core.bars.session import iso
from evergreen.core.drift import (
    Calibration,
    DriftCheck,
    Grid,
    calibrate,
    check,
    join,
    make_grid,
    session_counts,
)
from evergreen.errors import BadInput, Broken, NotFound

SESSIONS = pd.bdate_range("2003-01-01", periods=400)
OLD = Path(__file__).parents[3] / "data" / "profile_2008-09-15.bin"


def features(tickers: int = 4, sessions: int = 12, seed: int = 3) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"T{i}" for i in range(tickers)], SESSIONS[:sessions]], names=["ticker", "session"]
    )
    values = generator.normal(size=(len(index), 5)).astype(np.float32)
    frame = pd.DataFrame(values, index=index, columns=["plain", "tied", "constant", "empty", "holes"])
    frame["tied"] = frame["tied"].round(1)
    frame["constant"] = np.float32(2.5)
    frame["empty"] = np.float32(np.nan)
    frame.iloc[::3, 4] = np.nan
    frame.iloc[1::7, 4] = np.inf
    return frame


def of(frame: pd.DataFrame, session: pd.Timestamp) -> pd.DataFrame:
    return frame[frame.index.get_level_values("session") == session]


@pytest.mark.parametrize("tickers", [1, 4, 500])
def test_counts__of_a_profile_equal_those_of_the_frame(tickers: int) -> None:
    frame = features(tickers)
    grid = make_grid(frame)
    exact = session_counts(frame, grid)
    parts = [monitoring.counts(monitoring.profile(of(frame, session), session), grid) for session in SESSIONS[:12]]
    live = join(parts)
    assert live.sessions.equals(exact.sessions)
    assert np.array_equal(live.values, exact.values)


def test_counts__beyond_an_exact_sketch_stay_close_and_complete() -> None:
    frame = features(tickers=6_000, sessions=1)
    grid = make_grid(frame)
    exact = session_counts(frame, grid).values[0]
    live = monitoring.counts(monitoring.profile(frame, SESSIONS[0]), grid).values[0]
    assert (live.sum(axis=1) == 6_000).all()
    assert np.abs(np.cumsum(live, axis=1) - np.cumsum(exact, axis=1)).max() < 0.01 * 6_000


def test_write__reads_back_and_replaces(tmp_path: Path) -> None:
    frame = features()
    grid = make_grid(frame)
    for seed in (3, 4):
        view = monitoring.profile(of(features(seed=seed), SESSIONS[2]), SESSIONS[2], {"data_version": "v7"})
        path = monitoring.write(view, tmp_path / "profiles")
        stored = monitoring.read(path)
        assert monitoring.tags_of(stored)["data_version"] == "v7"
        assert np.array_equal(monitoring.counts(stored, grid).values, monitoring.counts(view, grid).values)
    assert [entry.name for entry in path.parent.iterdir()] == [f"{iso(SESSIONS[2])}.bin"]


def test_stored_counts__rebuild_the_history(tmp_path: Path) -> None:
    frame = features()
    grid = make_grid(frame)
    for session in SESSIONS[:12]:
        monitoring.write(monitoring.profile(of(frame, session), session), tmp_path)
    rebuilt = join(monitoring.stored_counts(tmp_path, list(SESSIONS[:12]), grid))
    assert np.array_equal(rebuilt.values, session_counts(frame, grid).values)


def test_stored_counts__are_kept_and_follow_the_profile_they_came_from(tmp_path: Path) -> None:
    grid, session = make_grid(features()), SESSIONS[0]
    for seed in (3, 4):
        today = of(features(seed=seed), session)
        path = monitoring.write(monitoring.profile(today, session), tmp_path)
        expected = session_counts(today, grid).values
        for _ in range(2):
            assert np.array_equal(monitoring.stored_counts(tmp_path, [session], grid)[0].values, expected)
    files = sorted((tmp_path / "counts").rglob("*.npy"))
    assert len(files) == 2
    for file in files:
        file.write_bytes(file.read_bytes()[:100])
    assert np.array_equal(monitoring.stored_counts(tmp_path, [session], grid)[0].values, expected)
    path.unlink()
    with pytest.raises(NotFound, match="no profile"):
        monitoring.stored_counts(tmp_path, [session], grid)


def test_profile__same_rows_same_bytes_and_no_clock() -> None:
    frame = of(features(500), SESSIONS[0])
    first, second = (monitoring.to_bytes(monitoring.profile(frame, SESSIONS[0])) for _ in range(2))
    assert first == second


def test_profile__infinities_are_counted_and_leave_the_mean_alone() -> None:
    holes = monitoring.column(monitoring.profile(features(), SESSIONS[0]), "holes")
    assert holes is not None
    finite = features()["holes"].replace([np.inf, -np.inf], np.nan)
    assert holes.mean == pytest.approx(finite.mean())
    assert holes.infinite == np.isinf(features()["holes"]).sum()


def test_profile__refuses_words() -> None:
    with pytest.raises(BadInput, match="'name' is not numeric"):
        monitoring.profile(pd.DataFrame({"name": ["AAPL"]}), SESSIONS[0])


def test_counts__refuse_a_feature_that_was_not_profiled() -> None:
    grid = Grid(("unknown",), np.zeros((1, 9)))
    with pytest.raises(BadInput, match="unknown"):
        monitoring.counts(monitoring.profile(features(), SESSIONS[0]), grid)


def test_read__a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no profile"):
        monitoring.read(tmp_path / "2003-01-01.bin")


def test_read__a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    stored = monitoring.to_bytes(monitoring.profile(features(), SESSIONS[0]))
    path = tmp_path / "2003-01-01.bin"
    for end in [*range(0, len(stored), 97), len(stored) - 1]:
        path.write_bytes(stored[:end])
        with pytest.raises(Broken, match="cannot be read"):
            monitoring.read(path)


def test_merge__holds_all_rows() -> None:
    frame = features()
    views = [monitoring.profile(of(frame, session), session) for session in SESSIONS[:12]]
    merged = monitoring.merge(views)
    plain = monitoring.column(merged, "plain")
    assert plain is not None and plain.finite == len(frame)
    assert plain.mean == pytest.approx(frame["plain"].mean())
    assert monitoring.session_of(merged) == SESSIONS[0]
    with pytest.raises(BadInput, match="no profile to merge"):
        monitoring.merge([])


def test_report__is_one_page_that_needs_no_internet(tmp_path: Path) -> None:
    frame = features(sessions=340)
    frame.loc[frame.index.get_level_values("session") >= SESSIONS[300], "plain"] += 3
    counted = session_counts(frame, make_grid(frame))
    calibration = calibrate(counted.upto(SESSIONS[299]), min_windows=2)
    assert isinstance(calibration, Calibration)
    looked = check(calibration, counted, SESSIONS[339], level=0.2)
    views = [monitoring.profile(of(frame, session), session) for session in SESSIONS[290:340]]
    assert isinstance(looked, DriftCheck)
    current, reference = monitoring.merge(views[10:]), monitoring.merge(views[:10])
    page = monitoring.report(current, reference, tmp_path / "out" / "drift.html", looked)
    text = page.read_text()
    assert "http" not in text
    assert "src=" not in text
    assert text.index(">plain<") < text.index(">tied<")


def test_import__core_stays_without_whylogs_and_statistics_stay_at_home() -> None:
    code = (
        "import os, sys, evergreen.core.drift; print('whylogs' in sys.modules); "
        "import evergreen.adapters.monitoring; print(os.environ.get('WHYLOGS_NO_ANALYTICS'))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.split() == ["False", "True" if sys.version_info < (3, 13) else "None"]


def test_read__a_profile_stored_years_ago_tells_the_same_counts_and_its_data_version() -> None:
    """The file was written once, with whylogs 1.6.4; a version that cannot read it may not be taken."""
    generator = np.random.default_rng(15)
    frame = pd.DataFrame(generator.normal(size=(40, 3)), columns=["RET", "STD20", "holes"])
    frame.loc[::4, "holes"] = np.nan
    view = monitoring.read(OLD)
    grid = make_grid(frame)
    session = pd.Timestamp("2008-09-15")
    index = pd.MultiIndex.from_product([[f"T{i}" for i in range(40)], [session]], names=["ticker", "session"])
    assert np.array_equal(monitoring.counts(view, grid).values, session_counts(frame.set_index(index), grid).values)
    assert monitoring.tags_of(view)["data_version"] == "5d1f0c2ab7e9"
    assert monitoring.session_of(view) == session


def test_forget__deletes_profiles_and_their_counts_before_a_date_only(tmp_path: Path) -> None:
    frame = features()
    for folder in (tmp_path, tmp_path / "labels"):
        for session in SESSIONS[:4]:
            view = monitoring.profile(of(frame, session), session)
            monitoring.write(view, folder)
            monitoring.keep_counts(folder, view, make_grid(frame))
    assert monitoring.forget(tmp_path, SESSIONS[2]) == 8
    left = {path.name[:10] for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {iso(session) for session in SESSIONS[2:4]}
