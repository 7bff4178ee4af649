"""Whatever dies or collides while the rollout changes: one champion, one decision each, a sound chain."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from evergreen.adapters.database import decisions, open_database, reading, rollouts, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.rollouts import Rollout
from evergreen.errors import Unavailable

NOW = datetime(2008, 9, 15, 20, 0, tzinfo=UTC)
PROMOTES = """
import os, signal, sys
from dataclasses import replace
from datetime import UTC, datetime
from sqlalchemy import event
from evergreen.adapters.database import open_database, reading, rollouts
from evergreen.adapters.database.decisions import Decision
from evergreen.errors import RolloutConflict

url, challenger, fatal_step = sys.argv[1], sys.argv[2], int(sys.argv[3])
engine = open_database(url)
with reading(engine) as conn:
    seen = rollouts.read(conn, "m")
made = Decision(at=datetime(2008, 9, 16, tzinfo=UTC), model="m", kind="promotion", as_of="2008-09-15",
                subject=challenger, summary="promoted", evidence={"e": 21.5})
steps = 0

def step(*_):
    global steps
    steps += 1
    if steps == fatal_step:
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(engine, "before_cursor_execute", step)
event.listen(engine, "after_cursor_execute", step)
event.listen(engine, "commit", step)
print("ready", flush=True)
sys.stdin.readline()
try:
    rollouts.change(engine, seen, made, champion=challenger, previous_champion=seen.champion)
    print("won", flush=True)
except RolloutConflict as conflict:
    print(conflict, flush=True)
step()
"""
DIES_WRITING = """
import os, sys
from evergreen.adapters.database import open_database, writing
with writing(open_database(sys.argv[1])) as conn:
    conn.exec_driver_sql("UPDATE rollout SET champion = 'half'")
    os.kill(os.getpid(), 9)
"""
DIES_STARTING = """
import os, sys
from sqlalchemy import Engine, event
from evergreen.adapters.database import open_database
steps = 0

def step(*_):
    global steps
    steps += 1
    if steps == int(sys.argv[2]):
        os.kill(os.getpid(), 9)

event.listen(Engine, "before_cursor_execute", step)
open_database(sys.argv[1])
"""
STEPS = 12  # before and after each of BEGIN, UPDATE, UPDATE, INSERT, UPDATE; before COMMIT; after it


def decision(subject: str) -> Decision:
    return Decision(at=NOW, model="m", kind="promotion", as_of="2008-09-15", subject=subject, summary="promoted")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/evergreen.db"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_database(url)
    first = Rollout(model="m", champion="1", salt="s", stage_session="2008-09-15", updated_at=NOW)
    rollouts.create(opened, first, decision("1"))
    yield opened
    opened.dispose()


def promoter(url: str, challenger: str, fatal_step: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROMOTES, url, challenger, str(fatal_step)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def released(processes: list[subprocess.Popen[str]]) -> list[str]:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate()[0] for process in processes]


def champion_and_decisions(engine: Engine) -> tuple[str, list[str]]:
    with reading(engine) as conn:
        assert decisions.verify(conn) == []
        row = rollouts.read(conn, "m")
        newest_first = decisions.recent(conn, "m")
    assert row is not None
    assert row.version == len(newest_first)
    return row.champion, [one.subject for one in newest_first]


def test_promotions_at_once__one_wins_and_the_others_get_a_named_conflict(engine: Engine, url: str) -> None:
    outcomes = released([promoter(url, str(n)) for n in range(2, 8)])
    assert outcomes.count("won\n") == 1
    assert sum("is at version 2, the change expected 1" in line for line in outcomes) == 5
    winner = str(outcomes.index("won\n") + 2)
    assert champion_and_decisions(engine) == (winner, [winner, "1"])


def test_kill_at_any_step_of_a_promotion__leaves_all_of_it_or_nothing(engine: Engine, url: str) -> None:
    champion, subjects = "1", ["1"]
    for step in range(1, STEPS + 1):
        challenger = f"at step {step}"
        victim = promoter(url, challenger, step)
        outcome = released([victim])[0]
        assert victim.returncode == -signal.SIGKILL
        if outcome == "won\n":
            champion, subjects = challenger, [challenger, *subjects]
        assert champion_and_decisions(engine) == (champion, subjects)
    assert champion == f"at step {STEPS}"


def test_rerun_after_a_kill__ends_where_an_uninterrupted_one_would(engine: Engine, url: str) -> None:
    released([promoter(url, "2", fatal_step=7)])
    assert released([promoter(url, "2")]) == ["won\n"]
    assert champion_and_decisions(engine) == ("2", ["2", "1"])


def test_full_disk_at_any_page__is_told_and_changes_nothing(engine: Engine) -> None:
    with reading(engine) as conn:
        seen = rollouts.read(conn, "m")
    assert seen is not None
    with engine.connect() as conn:
        pages = conn.exec_driver_sql("PRAGMA page_count").scalar()
        conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    long = Decision(**{**vars(decision("2")), "evidence": {"path": [0.1] * 50_000}})
    with pytest.raises(Unavailable, match="Free some space"):
        rollouts.change(engine, seen, long, champion="2")
    assert champion_and_decisions(engine) == ("1", ["1"])


def test_change__after_a_writer_died_holding_the_lock_goes_on(engine: Engine, url: str) -> None:
    holder = subprocess.run([sys.executable, "-c", DIES_WRITING, url], check=False)
    assert holder.returncode == -signal.SIGKILL
    with reading(engine) as conn:
        seen = rollouts.read(conn, "m")
    assert seen is not None
    rollouts.change(engine, seen, decision("2"), champion="2")
    assert champion_and_decisions(engine) == ("2", ["2", "1"])


def test_first_start_killed_at_any_step__is_finished_by_the_next(tmp_path: Path) -> None:
    for fatal_step in (1, 5, 15, 25, 30):
        url = f"sqlite:///{tmp_path}/{fatal_step}/evergreen.db"
        killed = subprocess.run([sys.executable, "-c", DIES_STARTING, url, str(fatal_step)], check=False)
        assert killed.returncode == -signal.SIGKILL
        engine = open_database(url)
        with writing(engine) as conn:
            assert decisions.append(conn, decision("1")) == 1
        engine.dispose()
