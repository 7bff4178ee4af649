from __future__ import annotations

from pathlib import Path

import pytest

from evergreen.adapters.bars import parts


def touch(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / f"{name}.parquet").touch()
    return sorted(folder.glob("*.parquet"))


def names(listed: list[parts.Part]) -> list[str]:
    return [part.path.stem for part in listed]


SINGLE = [f"part-{n:06d}-{n:06d}_2008-01-{n + 2:02d}_2008-01-{n + 2:02d}" for n in (1, 2, 3)]
MERGED, NEXT = "part-000001-000002_2008-01-03_2008-01-04", "part-000004-000004_2007-05-01_2008-02-01"


def test_standing__leaves_out_what_was_merged_and_orders_by_arrival(tmp_path: Path) -> None:
    paths = touch(tmp_path, NEXT, *SINGLE, "year=2008", "year=2007", "else")
    assert names(parts.standing(paths)) == ["else", "year=2007", "year=2008", *SINGLE, NEXT]
    paths = touch(tmp_path, MERGED)
    assert names(parts.standing(paths)) == ["else", "year=2007", "year=2008", MERGED, SINGLE[2], NEXT]
    (tmp_path / "beside").mkdir()
    beside = touch(tmp_path / "beside", SINGLE[0])
    assert names(parts.standing([*paths, *beside])).count(SINGLE[0]) == 1


def test_standing__reads_by_name_which_days_a_file_may_hold(tmp_path: Path) -> None:
    paths = touch(tmp_path, NEXT, *SINGLE, "year=2008", "year=2007", "else")
    assert names(parts.standing(paths, "2008-01-05")) == ["else", "year=2008", SINGLE[2], NEXT]
    assert names(parts.standing(paths, "2006-01-01", "2007-04-30")) == ["else", "year=2007"]
    assert names(parts.standing(paths, "2008-02-02", "2008-02-03")) == ["else", "year=2008"]


def test_following__counts_on_from_what_was_merged(tmp_path: Path) -> None:
    days = ("2008-02-01", "2008-02-01")
    assert parts.following(tmp_path, *days).stem == "part-000001-000001_2008-02-01_2008-02-01"
    touch(tmp_path, MERGED)
    assert parts.following(tmp_path, *days).stem == "part-000003-000003_2008-02-01_2008-02-01"


def test_merge_finished__takes_the_months_before_the_newest_once_there_are_several(tmp_path: Path) -> None:
    touch(tmp_path, *SINGLE, "year=2008")

    def write(paths: list[Path], target: Path) -> None:
        assert [path.stem for path in paths] == SINGLE
        target.touch()

    parts.merge_finished(tmp_path, lambda paths, target: pytest.fail("the month is not over"))
    touch(tmp_path, NEXT)
    parts.merge_finished(tmp_path, write)
    merged = "part-000001-000003_2008-01-03_2008-01-05"
    assert names(parts.standing(tmp_path.glob("*"))) == ["year=2008", merged, NEXT]
    parts.merge_finished(tmp_path, lambda paths, target: pytest.fail("it is merged"))
    assert len(list(tmp_path.iterdir())) == 6
    parts.remove_merged(tmp_path)
    assert sorted(path.stem for path in tmp_path.iterdir()) == [merged, NEXT, "year=2008"]


def test_finished__is_a_month_of_very_many_parts_too() -> None:
    single = [parts.Part(Path(str(n)), "2008-01-03", "2008-01-03", n, n) for n in range(1, parts.MOST + 2)]
    assert parts.finished(single) == single
    assert parts.finished(single[:-1]) == []
    late = parts.Part(Path("late"), "2007-06-01", "2007-06-01", 99, 99)
    assert parts.finished([*single[:3], late]) == []
