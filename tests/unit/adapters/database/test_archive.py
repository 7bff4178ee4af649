from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from evergreen.adapters.database import archive, predictions, reading, rollouts
from evergreen.adapters.database.archive import Archived
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.predictions import Prediction
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.canary import CanaryRecord
from evergreen.errors import BadInput, Broken, NotFound

DAYS = ("2008-09-12", "2008-09-15", "2008-09-16")


@pytest.fixture
def logged(engine: Engine, now: datetime) -> Engine:
    """Two predictions a session, a batch of the chain; the challenger was silent in the second one of each."""
    rows = [
        Prediction(
            id=f"{place:03d}{number}", at=now + timedelta(days=place, microseconds=number), client="anna",
            ticker="AAPL", as_of=day, arm="champion", version="1", price=140.36 * math.exp(0.001), lower=130.1,
            upper=150.2, last_close=140.36, forecast=0.001, feature_hash="f" * 16, champion_version="1",
            champion_raw=0.1 + 0.2, challenger_version="2", challenger_raw=None if number else 0.3, rollout_version=3,
        )
        for place, day in enumerate(DAYS)
        for number in range(2)
    ]  # fmt: skip
    for place in range(0, len(rows), 2):
        predictions.insert_many(engine, rows[place : place + 2])
    return engine


def ids(engine: Engine) -> list[str]:
    with engine.connect() as conn:
        return list(conn.exec_driver_sql("SELECT id FROM prediction ORDER BY id").scalars())


def test_export__holds_every_column_to_the_bit(logged: Engine, tmp_path: Path) -> None:
    written = archive.export(logged, tmp_path / "new")
    assert written is not None and (written.rows, written.first, written.last) == (6, DAYS[0], DAYS[2])
    for row in pq.read_table(written.path).to_pylist():
        assert row.pop("batch") == 1 + int(row["id"][:3])
        with reading(logged) as conn:
            assert Prediction(**row) == predictions.find(conn, row["id"])
    assert str(pq.read_schema(written.path).field("at").type) == "timestamp[us, tz=UTC]"
    assert [each.name for each in written.path.parent.iterdir()] == [written.path.name], "nothing else is left"


def test_export__before_a_date_and_in_batches(logged: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "BATCH", 3)
    written = archive.export(logged, tmp_path, before=DAYS[2])
    assert written is not None and written.last == DAYS[1]
    assert pd.read_parquet(written.path)["id"].tolist() == ["0000", "0001", "0010", "0011"]
    assert archive.export(logged, tmp_path, before=DAYS[0]) is None


def test_forget__deletes_exactly_what_the_file_holds(logged: Engine, tmp_path: Path) -> None:
    written = archive.export(logged, tmp_path, before=DAYS[2])
    assert written is not None
    assert archive.forget(logged, written) == 4 and ids(logged) == ["0020", "0021"]
    assert archive.forget(logged, written) == 0


def test_forget__a_file_that_lacks_rows_deletes_nothing(logged: Engine, tmp_path: Path) -> None:
    written = archive.export(logged, tmp_path)
    assert written is not None
    with pytest.raises(Broken, match="holds 6 rows of 7"):
        archive.forget(logged, Archived(written.path, 7, written.first, written.last))
    assert len(ids(logged)) == 6


def test_forget__asks_for_a_date_and_keeps_what_a_running_canary_is_judged_by(logged: Engine, now: datetime) -> None:
    decision = Decision(at=now, model="m", kind="first", as_of=DAYS[0], subject="1", summary="-")
    row = Rollout(
        model="m", champion="1", challenger="2", stage="shadow", salt="s", stage_session=DAYS[1], updated_at=now,
        evidence=CanaryRecord(started=DAYS[1]),
    )  # fmt: skip
    rollouts.create(logged, row, decision)
    with pytest.raises(BadInput, match="--before"):
        archive.require_forgettable(logged, "m", None)
    with pytest.raises(BadInput, match=DAYS[1]):
        archive.require_forgettable(logged, "m", DAYS[2])
    archive.require_forgettable(logged, "m", DAYS[1])


def test_find__a_prediction_in_any_of_the_files(logged: Engine, tmp_path: Path) -> None:
    for last in DAYS[1:]:
        written = archive.export(logged, tmp_path, before=last)
        assert written is not None
    with reading(logged) as conn:
        assert archive.find(tmp_path, "0010") == predictions.find(conn, "0010")
        assert archive.find(written.path, "0000") == predictions.find(conn, "0000")
    with pytest.raises(NotFound, match="0020"):
        archive.find(tmp_path, "0020")


def test_find__says_what_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "notes.parquet").write_text("not Parquet")
    for place in (tmp_path / "nowhere", tmp_path / "notes.parquet"):
        with pytest.raises(BadInput, match="cannot be read as exported predictions"):
            archive.find(place, "0000")
