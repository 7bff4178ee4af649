from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine

from evergreen.adapters.database import check, open_database, reading, writing
from evergreen.adapters.database.migrate import configuration
from evergreen.adapters.database.schema import HEAD, metadata
from evergreen.errors import BadSetting, Broken, Unavailable


def test_open_database__creates_its_folder_and_the_newest_schema(url: str) -> None:
    engine = open_database(url)
    assert check(engine) == HEAD
    engine.dispose()


def test_migrations__lead_to_exactly_the_tables_of_the_schema(engine: Engine) -> None:
    with reading(engine) as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


def test_migrations__end_at_the_revision_the_code_expects() -> None:
    assert ScriptDirectory.from_config(configuration()).get_current_head() == HEAD


def test_open_database__at_head_does_not_load_alembic(url: str) -> None:
    open_database(url).dispose()
    code = (
        "import sys; from evergreen.adapters.database import open_database; open_database(sys.argv[1]);"
        "sys.exit(sorted({'alembic', 'pandas', 'filelock'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code, url], check=True)


@pytest.mark.faults
def test_open_database__six_processes_at_once_on_nothing_all_succeed(url: str) -> None:
    code = "import sys; from evergreen.adapters.database import *; print(check(open_database(sys.argv[1])))"
    starts = [subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert [start.communicate()[0].strip() for start in starts] == [HEAD] * 6


def test_open_database__schema_newer_than_the_code_is_refused(url: str) -> None:
    engine = open_database(url)
    with writing(engine) as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(BadSetting, match=f"not {HEAD}"):
        check(engine)
    engine.dispose()
    with pytest.raises(BadSetting, match="schema 9999, newer than this code"):
        open_database(url)


@pytest.mark.parametrize("text", ["", "not a url", "sqlite://", "sqlite:///:memory:", "mysql://u:secret@h/d"])
def test_open_database__unusable_url_is_named_without_its_password(text: str) -> None:
    with pytest.raises(BadSetting, match="cannot be used") as refusal:
        open_database(text)
    assert "secret" not in str(refusal.value)


def test_open_database__place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting, match="write permission"):
        open_database(f"sqlite:///{tmp_path}/file/evergreen.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_open_database__folder_without_write_permission_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BadSetting, match="write permission"):
        open_database(f"sqlite:///{tmp_path}/evergreen.db")


def test_open_database__folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evergreen.db").mkdir()
    with pytest.raises(BadSetting, match="write permission"):
        open_database(f"sqlite:///{tmp_path}/evergreen.db")


def test_open_database__file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "evergreen.db"
    file.write_bytes(b"ticker,close\n" * 100)
    with pytest.raises(Broken, match="not a sound SQLite database"):
        open_database(f"sqlite:///{file}")
    assert file.read_bytes() == b"ticker,close\n" * 100


def test_open_database__silent_server_is_unavailable() -> None:
    with pytest.raises(Unavailable, match=r"postgresql\+psycopg://u:\*\*\*@127.0.0.1:9/d did not answer"):
        open_database("postgresql://u:secret@127.0.0.1:9/d")


def test_connection_dropped_by_the_server__is_replaced_before_its_next_use(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no server")
    with reading(engine) as conn:
        pid = conn.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    assert pid is not None
    other = create_engine(engine.url)
    with other.begin() as conn:
        conn.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
    other.dispose()
    assert check(engine) == HEAD


def test_connection_dropped_in_the_middle__is_unavailable_and_the_next_one_works(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no server")
    with pytest.raises(Unavailable, match="did not answer"), writing(engine) as conn:
        conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
    assert check(engine) == HEAD


def test_open_database__copy_that_lost_its_write_ahead_log_gets_it_back(tmp_path: Path) -> None:
    file = tmp_path / "evergreen.db"
    open_database(f"sqlite:///{file}").dispose()
    raw = sqlite3.connect(file)
    raw.execute("PRAGMA journal_mode = DELETE")
    raw.close()
    engine = open_database(f"sqlite:///{file}")
    with reading(engine) as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_sqlite__every_connection_is_durable_and_patient(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/evergreen.db")
    with reading(engine) as conn:
        pragmas = [
            conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "busy_timeout", "foreign_keys")
        ]
    assert pragmas == [2, 60_000, 1]


def test_reading__does_not_wait_for_a_writer_and_keeps_its_snapshot(engine: Engine) -> None:
    with writing(engine) as writer, reading(engine) as reader:
        writer.exec_driver_sql("UPDATE decision_head SET seq = 7")
        assert reader.exec_driver_sql("SELECT seq FROM decision_head").scalar() == 0
        writer.commit()
        assert reader.exec_driver_sql("SELECT seq FROM decision_head").scalar() == 0
    with reading(engine) as reader:
        assert reader.exec_driver_sql("SELECT seq FROM decision_head").scalar() == 7


def test_writing__waits_for_another_writer(engine: Engine) -> None:
    entered, order = threading.Event(), []

    def slow() -> None:
        with writing(engine) as conn:
            conn.exec_driver_sql("UPDATE decision_head SET seq = seq + 1")
            entered.set()
            threading.Event().wait(0.3)
            order.append("slow")

    thread = threading.Thread(target=slow)
    thread.start()
    entered.wait()
    with writing(engine) as conn:
        conn.exec_driver_sql("UPDATE decision_head SET seq = seq + 1")
        order.append("second")
    thread.join()
    assert order == ["slow", "second"]


def test_writing__locked_for_longer_than_the_patience_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.adapters.database.engine.BUSY_SECONDS", 0.1)
    engine = open_database(f"sqlite:///{tmp_path}/evergreen.db")
    with writing(engine), pytest.raises(Unavailable, match="stayed locked"), writing(engine):
        pass
