from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from evergreen.adapters.database import decisions, open_database, reading, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.audit.heads import DECISIONS, keep_head, kept_heads, require_whole
from evergreen.core.hash_chain import GENESIS
from evergreen.errors import Broken

WRITER = """
import sys
from datetime import UTC, datetime
from evergreen.adapters.database import decisions, open_database, writing
engine = open_database(sys.argv[1])
for n in range(20):
    with writing(engine) as conn:
        decisions.append(conn, decisions.Decision(at=datetime(2008, 9, 15, tzinfo=UTC), model="m", kind="k",
            as_of="2008-09-15", subject=str(n), summary="s", evidence={"n": n}))
"""


def written(engine: Engine, batch: list[Decision]) -> None:
    with writing(engine) as conn:
        for one in batch:
            decisions.append(conn, one)


def tampered(engine: Engine, *statements: str) -> None:
    drop = (
        ["DROP TRIGGER decision_append_only ON decision"]
        if engine.dialect.name == "postgresql"
        else [f"DROP TRIGGER decision_no_{what}" for what in ("update", "delete", "replace")]
    )
    with writing(engine) as conn:
        for statement in (*drop, *statements):
            conn.exec_driver_sql(statement)


def test_append__each_row_hashes_the_one_before_it(engine: Engine, decided: Callable[..., Decision]) -> None:
    written(engine, [decided("1"), decided("2"), decided("3")])
    with reading(engine) as conn:
        newest, middle, oldest = decisions.recent(conn, "m")
    assert [newest.seq, middle.seq, oldest.seq] == [3, 2, 1]
    assert (oldest.prev_hash, middle.prev_hash, newest.prev_hash) == (GENESIS, oldest.hash, middle.hash)


def test_turns__leave_out_a_canarys_looks_that_moved_nothing(engine: Engine, decided: Callable[..., Decision]) -> None:
    looks = [replace(decided("2", moved=moved), kind="canary") for moved in (False, True, False)]
    written(engine, [decided("1"), *looks])
    with reading(engine) as conn:
        assert [one.seq for one in decisions.turns(conn, "m")] == [3, 1]


def test_append__evidence_with_what_statistics_produce_is_kept_and_verifies(
    engine: Engine, decided: Callable[..., Decision]
) -> None:
    evidence = {
        "p": np.float64("nan"),
        "e": float("inf"),
        "r": np.array([0.1, -0.2]),
        "n": np.int64(20),
        "ü": "ß",
    }
    written(engine, [decided("2", **evidence)])
    with reading(engine) as conn:
        assert decisions.verify(conn) == []
        stored = decisions.of(conn, "2")[0].evidence
    assert stored == {"p": "NaN", "e": "Infinity", "r": [0.1, -0.2], "n": 20, "ü": "ß"}


def test_append__undone_transaction_leaves_no_gap(engine: Engine, decided: Callable[..., Decision]) -> None:
    written(engine, [decided("1")])
    with pytest.raises(RuntimeError), writing(engine) as conn:
        decisions.append(conn, decided("2"))
        raise RuntimeError
    written(engine, [decided("3")])
    with reading(engine) as conn:
        assert decisions.verify(conn) == []
        assert [one.subject for one in decisions.recent(conn, "m")] == ["3", "1"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decision SET summary = 'nicer'",
        "DELETE FROM decision",
        "INSERT OR REPLACE INTO decision SELECT * FROM decision",
        "TRUNCATE decision",
    ],
)
def test_decisions__cannot_be_changed_or_removed(
    engine: Engine, decided: Callable[..., Decision], statement: str
) -> None:
    written(engine, [decided("1"), decided("2")])
    with pytest.raises(DatabaseError), writing(engine) as conn:
        conn.exec_driver_sql(statement)
    with reading(engine) as conn:
        assert decisions.verify(conn) == []
        assert len(decisions.recent(conn, "m")) == 2


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("UPDATE decision SET summary = 'nicer' WHERE seq = 2", 2),
        ("UPDATE decision SET evidence = '{}' WHERE seq = 3", 3),
        ("DELETE FROM decision WHERE seq = 1", 2),
        ("DELETE FROM decision WHERE seq = 2", 3),
        ("DELETE FROM decision WHERE seq = 4", 4),
        ("DELETE FROM decision", 4),
        ("DELETE FROM decision_head", 0),
    ],
)
def test_verify__names_where_a_chain_was_tampered_with(
    engine: Engine, decided: Callable[..., Decision], statement: str, seq: int
) -> None:
    written(engine, [decided(str(n), n=n) for n in range(4)])
    tampered(engine, statement)
    with reading(engine) as conn:
        assert decisions.verify(conn)[0].seq == seq


REWRITTEN = {
    "the last row deleted and the head moved back": [
        "DELETE FROM decision WHERE seq = 4",
        "UPDATE decision_head SET seq = 3, hash = (SELECT hash FROM decision WHERE seq = 3)",
    ],
    "all wiped": ["DELETE FROM decision", f"UPDATE decision_head SET seq = 0, hash = '{GENESIS}'"],
}


@pytest.mark.parametrize("how", [*REWRITTEN, "all rewritten"])
def test_require_whole__a_head_kept_before_tells_what_the_chain_alone_cannot(
    engine: Engine, decided: Callable[..., Decision], tmp_path: Path, now: datetime, how: str
) -> None:
    written(engine, [decided(str(n), n=n) for n in range(4)])
    assert keep_head(tmp_path, DECISIONS, require_whole(engine)[DECISIONS], now)
    assert not keep_head(tmp_path, DECISIONS, require_whole(engine)[DECISIONS], now), "the same head is kept once"
    tampered(engine, *REWRITTEN.get(how, REWRITTEN["all wiped"]))
    if how == "all rewritten":
        written(engine, [decided(str(n), n=n + 10) for n in range(4)])
    require_whole(engine)
    with pytest.raises(
        Broken, match=f"Neither log has a record with the hash {kept_heads(tmp_path)[0]}: some were removed"
    ):
        require_whole(engine, kept_heads(tmp_path))


def test_require_whole__an_older_head_proves_what_was_appended_to(
    engine: Engine, decided: Callable[..., Decision], tmp_path: Path, now: datetime
) -> None:
    heads = [require_whole(engine)[DECISIONS]]
    for n in range(3):
        written(engine, [decided(str(n), n=n)])
        heads.append(require_whole(engine, [head.hash for head in heads])[DECISIONS])
    assert [head.seq for head in heads] == [0, 1, 2, 3]


def test_verify__empty_log_holds(engine: Engine) -> None:
    with reading(engine) as conn:
        assert decisions.verify(conn) == []


def test_append__threads_do_not_fork_the_chain(engine: Engine, decided: Callable[..., Decision]) -> None:
    def appends() -> None:
        for n in range(10):
            written(engine, [decided(str(n))])

    threads = [threading.Thread(target=appends) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as conn:
        assert decisions.verify(conn) == []
        assert len(decisions.recent(conn, "m", limit=100)) == 40


@pytest.mark.faults
def test_append__processes_do_not_fork_the_chain(url: str) -> None:
    engine = open_database(url)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url]) for _ in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    with reading(engine) as conn:
        assert decisions.verify(conn) == []
        assert len(decisions.recent(conn, "m", limit=100)) == 80
    engine.dispose()


def test_append__in_a_deferred_transaction_that_only_appends_waits_its_turn(
    tmp_path: Path, decided: Callable[..., Decision]
) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/evergreen.db")
    with reading(engine) as conn:
        assert decisions.append(conn, decided("1")) == 1
        conn.commit()
    with reading(engine) as conn:
        assert decisions.verify(conn) == []
