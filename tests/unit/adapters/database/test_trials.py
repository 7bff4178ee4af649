from __future__ import annotations

from sqlalchemy import Engine

from evergreen.adapters.database import reading, trials, writing


def evaluated(engine: Engine, champion: str, challenger: str) -> int:
    with writing(engine) as conn:
        return trials.record(
            conn,
            model="m",
            champion=champion,
            challenger=challenger,
            window_start="2008-01-02",
            window_end="2008-09-15",
            as_of="2008-09-15",
        )


def test_record__counts_challengers_against_the_same_champion_once_each(engine: Engine) -> None:
    pairs = [("1", "2"), ("1", "3"), ("1", "3"), ("2", "3"), ("1", "4")]
    assert [evaluated(engine, *pair) for pair in pairs] == [1, 2, 2, 1, 3]


def test_tried__nothing_yet_is_none(engine: Engine) -> None:
    with reading(engine) as conn:
        assert trials.tried(conn, "m", "1") == 0
