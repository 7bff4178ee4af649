from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from evergreen.adapters.database import (
    archive,
    migrate_database,
    open_database,
    prediction_chain,
    predictions,
    reading,
    writing,
)
from evergreen.adapters.database.prediction_chain import CHAINED
from evergreen.adapters.database.predictions import Prediction
from evergreen.adapters.database.schema import prediction
from evergreen.audit.heads import (
    LOGS,
    PREDICTIONS,
    checked_this_week,
    faults,
    heads,
    keep_head,
    kept_heads,
    require_whole,
)
from evergreen.core.hash_chain import GENESIS
from evergreen.errors import Broken

BATCHES, SIZE = 3, 2


def served(batch: int, place: int, as_of: str = "2008-09-15") -> Prediction:
    return Prediction(
        id=f"{batch}-{place}", at=datetime(2008, 9, 15, 20, tzinfo=UTC) + timedelta(minutes=batch, microseconds=place),
        client="änna", ticker="AAPL", as_of=as_of, arm="champion", version="1", price=140.36 * math.exp(0.001),
        lower=130.1, upper=math.inf, last_close=140.36, forecast=1e-17 / 3, feature_hash="f" * 16,
        champion_version="1", champion_raw=0.1 + 0.2, challenger_version="2",
        challenger_raw=math.nan if place else 0.3, rollout_version=3, latency_us=417 if place else None,
    )  # fmt: skip


@pytest.fixture
def logged(engine: Engine) -> Engine:
    for batch in range(1, BATCHES + 1):
        predictions.insert_many(engine, [served(batch, place) for place in reversed(range(SIZE))])
    return engine


def without_guard(engine: Engine, statements: Sequence[str]) -> None:
    drop = (
        ["DROP TRIGGER prediction_append_only ON prediction"]
        if engine.dialect.name == "postgresql"
        else [f"DROP TRIGGER prediction_no_{what}" for what in ("update", "delete", "replace")]
    )
    with writing(engine) as conn:
        for statement in (*drop, *statements):
            conn.exec_driver_sql(statement)


def breaks(engine: Engine) -> list[tuple[int, str]]:
    with reading(engine) as conn:
        return [(fault.seq, fault.what) for fault in prediction_chain.verify(conn)]


def test_verify__what_was_served_holds_as_it_is_stored(logged: Engine) -> None:
    assert breaks(logged) == []
    with reading(logged) as conn:
        assert prediction_chain.head(conn).seq == BATCHES
    assert set(CHAINED) == {column.name for column in prediction.columns} - {"batch"}, "no column is left out"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE prediction SET price = 1",
        "DELETE FROM prediction",
        "INSERT OR REPLACE INTO prediction SELECT * FROM prediction",
        "TRUNCATE prediction",
    ],
)
def test_predictions__cannot_be_changed_or_removed(logged: Engine, statement: str) -> None:
    with pytest.raises(DatabaseError), writing(logged) as conn:
        conn.exec_driver_sql(statement)
    assert breaks(logged) == []
    with reading(logged) as conn:
        assert predictions.count(conn) == BATCHES * SIZE


@pytest.mark.parametrize(
    ("statements", "seq"),
    [
        (["UPDATE prediction SET price = 150 WHERE id = '2-0'"], 2),
        (["UPDATE prediction SET at = '2008-09-15 20:02:00.000009+00:00' WHERE id = '2-0'"], 2),
        (["UPDATE prediction SET batch = 3 WHERE id = '2-0'"], 2),
        (["UPDATE prediction SET batch = 9 WHERE id = '2-0'"], 2),
        (["DELETE FROM prediction WHERE id = '3-1'"], 3),
        (["DELETE FROM prediction WHERE batch = 1"], 1),
        (["DELETE FROM prediction_batch WHERE seq = 2"], 3),
        (["DELETE FROM prediction WHERE batch = 3", "DELETE FROM prediction_batch WHERE seq = 3"], 3),
        (["UPDATE prediction_batch SET size = 1 WHERE seq = 2", "DELETE FROM prediction WHERE id = '2-0'"], 2),
        (["DELETE FROM prediction WHERE batch = 2", "UPDATE prediction_batch SET let_go_by = 3 WHERE seq = 2"], 3),
        (["UPDATE prediction_head SET seq = 2"], 2),
        (["DELETE FROM prediction_head"], 0),
    ],
)
def test_verify__names_the_batch_that_was_tampered_with(logged: Engine, statements: list[str], seq: int) -> None:
    without_guard(logged, statements)
    assert breaks(logged)[0][0] == seq


def test_verify__a_prediction_put_in_from_outside_is_told(logged: Engine) -> None:
    columns = [column.name for column in prediction.columns if column.name not in ("id", "batch")]
    copied = f"INSERT INTO prediction (id, batch, {', '.join(columns)}) SELECT 'new', 0, {', '.join(columns)}"
    with writing(logged) as conn:
        conn.exec_driver_sql(f"{copied} FROM prediction WHERE id = '1-0'")
    assert breaks(logged) == [(0, "1 predictions are of no batch")]


WIPED = [
    "DELETE FROM prediction",
    "DELETE FROM prediction_batch",
    f"UPDATE prediction_head SET seq = 0, hash = '{GENESIS}'",
]
CUT = [
    "DELETE FROM prediction WHERE batch = 3",
    "DELETE FROM prediction_batch WHERE seq = 3",
    "UPDATE prediction_head SET seq = 2, hash = (SELECT hash FROM prediction_batch WHERE seq = 2)",
]


@pytest.mark.parametrize(("how", "again"), [(WIPED, 0), (CUT, 0), (WIPED, BATCHES)])
def test_require_whole__a_head_kept_before_tells_of_a_log_cut_wiped_or_rewritten(
    logged: Engine, tmp_path: Path, now: datetime, how: list[str], again: int
) -> None:
    known = heads(logged)[PREDICTIONS]
    assert keep_head(tmp_path, PREDICTIONS, known, now)
    assert set(require_whole(logged, kept_heads(tmp_path))) == set(LOGS)
    without_guard(logged, how)
    for batch in range(again):
        predictions.insert_many(logged, [served(batch + 4, 0)])
    require_whole(logged)
    with pytest.raises(Broken, match=f"Neither log has a record with the hash {known.hash}"):
        require_whole(logged, kept_heads(tmp_path))


@pytest.mark.parametrize(("batch", "seen"), [(2, False), (4, True)])
def test_faults__within_a_week_are_looked_for_after_the_head_kept_last(
    logged: Engine, tmp_path: Path, now: datetime, batch: int, seen: bool
) -> None:
    keep_head(tmp_path, PREDICTIONS, heads(logged)[PREDICTIONS], now)
    predictions.insert_many(logged, [served(4, 0)])
    starts = checked_this_week(tmp_path, now + timedelta(hours=1))
    assert set(starts) == {PREDICTIONS} and faults(logged, kept_heads(tmp_path), starts) == []
    without_guard(logged, [f"UPDATE prediction SET price = 1 WHERE batch = {batch}"])
    assert bool(faults(logged, kept_heads(tmp_path), starts)) is seen
    next_week = checked_this_week(tmp_path, now + timedelta(days=7))
    assert next_week == {} and faults(logged, kept_heads(tmp_path), next_week), "once a week, and by audit, all is"


def test_faults__a_log_cut_before_the_head_kept_last_shows_at_once(
    logged: Engine, tmp_path: Path, now: datetime
) -> None:
    keep_head(tmp_path, PREDICTIONS, heads(logged)[PREDICTIONS], now)
    without_guard(logged, CUT)
    assert faults(logged, (), checked_this_week(tmp_path, now))


def test_let_go__of_what_was_exported_is_chained_and_the_rest_still_holds(logged: Engine, tmp_path: Path) -> None:
    known = heads(logged)[PREDICTIONS].hash
    predictions.insert_many(logged, [served(4, 0), served(4, 1, as_of="2008-09-16")])
    written = archive.export(logged, tmp_path, before="2008-09-16")
    assert written is not None and written.rows == BATCHES * SIZE + 1
    assert archive.forget(logged, written) == BATCHES * SIZE, "the batch with a later session stays whole"
    assert breaks(logged) == []
    end = require_whole(logged, [known])[PREDICTIONS]
    assert end.seq == BATCHES + 2, "three batches, the one that stays, and that the three were let go"
    without_guard(logged, ["DELETE FROM prediction"])
    assert [seq for seq, _ in breaks(logged)] == [BATCHES + 1]


def test_let_go__of_an_altered_prediction_is_refused(logged: Engine, tmp_path: Path) -> None:
    without_guard(logged, ["UPDATE prediction SET price = 150 WHERE id = '2-0'"])
    written = archive.export(logged, tmp_path)
    assert written is not None
    with pytest.raises(Broken, match="Batch 2 of the prediction log is not what was served"):
        archive.forget(logged, written)
    with reading(logged) as conn:
        assert predictions.count(conn) == BATCHES * SIZE


def test_append__threads_do_not_fork_the_chain(engine: Engine) -> None:
    def serve(thread: int) -> None:
        for n in range(10):
            predictions.insert_many(engine, [served(thread * 100 + n, 0)])

    threads = [threading.Thread(target=serve, args=(each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaks(engine) == []
    assert heads(engine)[PREDICTIONS].seq == 40


def test_append__an_undone_batch_leaves_no_gap(logged: Engine) -> None:
    with pytest.raises(DatabaseError):
        predictions.insert_many(logged, [served(9, 0), served(1, 0)])
    predictions.insert_many(logged, [served(9, 0)])
    assert breaks(logged) == [] and heads(logged)[PREDICTIONS].seq == BATCHES + 1


def test_migration__what_was_served_before_is_a_batch_for_each_session(url: str) -> None:
    engine = open_database(url)
    for place, day in enumerate(("2008-09-15", "2008-09-16")):
        predictions.insert_many(engine, [served(place, 0, day), served(place, 1, day)])
    migrate_database(url, "0008_files")
    migrate_database(url)
    assert breaks(engine) == [] and heads(engine)[PREDICTIONS].seq == 2
    predictions.insert_many(engine, [served(7, 0)])
    assert breaks(engine) == [] and heads(engine)[PREDICTIONS].seq == 3
    engine.dispose()


@pytest.mark.parametrize("length", [0, 1, 10, 28, 31, 93])
def test_keep_head__a_line_cut_short_is_no_head_and_the_next_one_is(
    logged: Engine, tmp_path: Path, now: datetime, length: int
) -> None:
    first, file = heads(logged)[PREDICTIONS], tmp_path / "prediction_heads.txt"
    keep_head(tmp_path, PREDICTIONS, first, now)
    whole = file.read_text()
    file.write_text(whole + whole[:length])  # the disk was full, or the process killed
    assert kept_heads(tmp_path) == [first.hash] and checked_this_week(tmp_path, now) == {PREDICTIONS: first}
    predictions.insert_many(logged, [served(4, 0)])
    second = heads(logged)[PREDICTIONS]
    keep_head(tmp_path, PREDICTIONS, second, now)
    assert kept_heads(tmp_path) == [first.hash, second.hash]
