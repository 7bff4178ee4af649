"""Attempts on the chained logs by who may write to the database, one by one: `make test-security` counts them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evergreen.adapters.database import decisions, open_database, predictions, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.predictions import Prediction
from evergreen.adapters.database.schema import metadata
from evergreen.audit.heads import faults, heads

AT_LEAST = 170  # attempts
NOW = datetime(2008, 9, 15, 20, tzinfo=UTC)
CHAINED = ("decision", "decision_head", "prediction", "prediction_batch", "prediction_head")
UNCHAINED = {("decision_head", "id"), ("prediction_head", "id"), ("prediction_head", "letting_go")}
VALUES = ("7", "'x'", "''", "x'ff'")  # SQLite takes any of them in any column
WHOLE = ("DELETE FROM {}", "DROP TABLE {}", "ALTER TABLE {} RENAME TO aside")


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """A database with three decisions and three batches of two predictions."""
    file = tmp_path / "evergreen.db"
    engine = open_database(f"sqlite:///{file}")
    for number in range(3):
        with writing(engine) as conn:
            decisions.append(
                conn,
                Decision(at=NOW, model="m", kind="gate", as_of="2008-09-15", subject=str(number), summary="It passed."),
            )
        predictions.insert_many(engine, [served(f"{number}-{place}") for place in range(2)])
    engine.dispose()
    return file


def served(name: str) -> Prediction:
    return Prediction(
        id=name, at=NOW, client="desk", ticker="AAPL", as_of="2008-09-15", arm="champion", version="1", price=140.4,
        lower=130.1, upper=150.2, last_close=140.3, forecast=0.001, feature_hash="f" * 16, champion_version="1",
        champion_raw=0.001, challenger_version="2", challenger_raw=0.3, rollout_version=3, latency_us=417,
    )  # fmt: skip


def attempts() -> Iterator[str]:
    """One column of one record changed to something else, and whole tables gone."""
    for table in CHAINED:
        for column in metadata.tables[table].columns:
            if (table, column.name) not in UNCHAINED:
                one = f"WHERE rowid = (SELECT min(rowid) FROM {table})"
                yield from (f"UPDATE {table} SET {column.name} = {value} {one}" for value in VALUES)
        yield from (statement.format(table) for statement in WHOLE)


def carried_out(file: Path, statement: str, guarded: bool) -> bool:
    """Whether the database took a statement; `guarded`: its triggers stand."""
    with sqlite3.connect(file) as connection:
        if not guarded:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
        try:
            connection.execute(statement)
        except sqlite3.IntegrityError:
            return False
    return True


@pytest.mark.parametrize("guarded", [True, False])
def test_logs__every_attempt_is_refused_or_told(
    logged: Path,
    guarded: bool,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = open_database(f"sqlite:///{logged}")
    known = [head.hash for head in heads(engine).values()]
    assert faults(engine, known) == []
    tried, unseen = list(attempts()), []
    for number, statement in enumerate(tried):
        file = shutil.copy(logged, logged.with_name(f"{number}.db"))
        if carried_out(file, statement, guarded):
            tampered = open_database(f"sqlite:///{file}")
            unseen += [] if faults(tampered, known) else [statement]
            tampered.dispose()
    with capsys.disabled():
        print(f"\nlogs: {len(tried) - len(unseen)} of {len(tried)} attempts refused or told")
    record_property("attempts", len(tried))
    assert not unseen and len(tried) >= AT_LEAST
