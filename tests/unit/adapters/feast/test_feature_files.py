"""Rows of a view in parts: written once, merged by month, read by the days their names tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evergreen.adapters.feast import files
from evergreen.errors import Conflict
from tests.unit.adapters.feast.rows import at_close

SESSIONS = pd.bdate_range("2020-12-21", "2021-02-03").as_unit("us")
VALUES = ["one", "two"]


def rows(sessions: pd.DatetimeIndex, seed: int = 0, hours: int = 1) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(len(sessions), 2))
    closes = at_close(sessions)
    keys = {"ticker": "AAA", "event_timestamp": closes, "created": closes + pd.Timedelta(hours=hours)}
    return pd.DataFrame(keys | dict(zip(VALUES, values.T, strict=True)))


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def by_session(folder: Path, all_rows: pd.DataFrame) -> None:
    for number in range(len(all_rows)):
        before = written(folder) if folder.exists() else {}
        assert files.append(folder, all_rows.iloc[[number]]) == 1
        assert files.append(folder, all_rows.iloc[[number]]) == 0
        after = written(folder)
        assert all(after[name] == before[name] for name in after.keys() & before)


def test_append__a_session_is_a_part_never_rewritten_and_a_finished_month_one(tmp_path: Path) -> None:
    all_rows, folder = rows(SESSIONS), tmp_path / "view"
    by_session(folder, all_rows)
    assert sorted(written(folder))[:2] == [
        "part-000001-000008_2020-12-22_2020-12-31.parquet",
        "part-000009-000028_2021-01-04_2021-01-29.parquet",
    ]
    assert len(written(folder)) == 2 + 2 + 3  # years, months, sessions of February
    stored = files.read(folder, [*files.KEYS, *VALUES]).to_pandas().sort_values("event_timestamp", ignore_index=True)
    pd.testing.assert_frame_equal(stored, all_rows, check_dtype=False)


def test_read__opens_no_file_of_other_days(tmp_path: Path) -> None:
    all_rows, folder = rows(SESSIONS), tmp_path / "view"
    by_session(folder, all_rows)
    for name in ("part-000009-000028_2021-01-04_2021-01-29", "year=2021"):
        (folder / f"{name}.parquet").write_bytes(b"no Parquet")
    last_year = files.read(folder, VALUES, until=at_close(pd.Timestamp("2020-12-31")))
    assert len(last_year) == 9
    with pytest.raises(pa.ArrowInvalid, match="2021"):
        files.read(folder, VALUES, until=at_close(pd.Timestamp("2021-01-04")))


def test_append__versions_stay_told_apart_after_their_month_became_one(tmp_path: Path) -> None:
    folder = tmp_path / "view"
    by_session(folder, rows(SESSIONS[:-3]))
    changed = rows(SESSIONS[2:5], seed=1, hours=500)
    assert files.append(folder, changed) == 3
    with pytest.raises(Conflict, match="view of AAA"):
        files.append(folder, rows(SESSIONS[2:5], seed=2, hours=500))
    assert files.append(folder, rows(SESSIONS[2:5], seed=2, hours=500), first_stays=True) == 0
    assert files.append(folder, rows(SESSIONS[-3:])) == 3
    assert files.append(folder, changed) == 0
    stored = files.read(folder, [*files.KEYS, *VALUES], at_close(SESSIONS[2]), at_close(SESSIONS[4]))
    versions = stored.to_pandas().sort_values(files.KEYS, ignore_index=True)
    assert len(versions) == 6
    assert np.array_equal(versions[VALUES].to_numpy()[1::2], changed[VALUES].to_numpy())


def test_append__goes_on_from_the_version_before_and_leaves_its_files_alone(tmp_path: Path) -> None:
    """It kept all rows of a year in one file, versions beside each other."""
    folder = tmp_path / "view"
    both = pd.concat([rows(SESSIONS[:4]), rows(SESSIONS[:4], seed=1, hours=500)])
    folder.mkdir()
    stored = both.sort_values(files.KEYS).astype(dict.fromkeys(files.KEYS[1:], "datetime64[us, UTC]"))
    stored.to_parquet(folder / "year=2020.parquet", index=False, compression="zstd")
    before = written(folder)
    assert files.append(folder, pd.concat([both, rows(SESSIONS[4:6])])) == 2
    assert written(folder).items() >= before.items() and len(written(folder)) == 2
