from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from evergreen.adapters.database import ledger, reading, writing
from evergreen.adapters.database.ledger import (
    DataVersion,
    DriftRecord,
    Materialization,
    ModelVersion,
    ProcessedSession,
)
from evergreen.errors import Broken, NotFound

DAY = timedelta(days=1)


def test_data_versions__first_record_of_an_id_stays_and_the_newest_comes_first(engine: Engine, now: datetime) -> None:
    first = DataVersion(id="d1", created_at=now, as_of="2008-09-15", rows_added=4, rows_refused=1, source="sample")
    second = replace(first, id="d2", as_of="2008-09-16", parent="d1", report={"refused": ["AAPL"]})
    with writing(engine) as conn:
        for version in (first, second, replace(first, rows_added=9, created_at=now + DAY)):
            ledger.record_data_version(conn, version)
    with reading(engine) as conn:
        assert ledger.data_versions(conn) == [second, first]
        assert ledger.read_data_version(conn, "d1") == first
        with pytest.raises(NotFound, match="no data version 'd3'"):
            ledger.read_data_version(conn, "d3")


def test_clock__stands_at_the_last_processed_session_of_the_model(engine: Engine, now: datetime) -> None:
    with reading(engine) as conn:
        assert ledger.clock(conn, "m") is None
    session = ProcessedSession(model="m", as_of="2008-09-15", finished_at=now, report={"rows": 4})
    with writing(engine) as conn:
        for as_of in ("2008-09-15", "2008-09-16", "2008-09-15"):
            ledger.record_session(conn, replace(session, as_of=as_of))
        ledger.record_session(conn, replace(session, model="other", as_of="2009-01-02"))
    with reading(engine) as conn:
        assert ledger.clock(conn, "m") == "2008-09-16"
        assert ledger.read_session(conn, "m", "2008-09-15") == session
        assert ledger.read_session(conn, "m", "2008-09-17") is None
        assert [one.as_of for one in ledger.sessions(conn, "m")] == ["2008-09-16", "2008-09-15"]


def test_drift_checks__checked_again_replaces_and_short_history_is_kept_as_such(engine: Engine) -> None:
    quiet = DriftRecord(model="m", as_of="2008-09-15", version="1", drifted=False, verdict="too little history")
    drifted = replace(
        quiet,
        drifted=True,
        verdict="drift",
        p_value=0.01,
        statistic=3.5,
        culprits=[{"feature": "STD20", "p": 0.01}],
        window_start="2008-08-18",
        window_end="2008-09-15",
    )
    with writing(engine) as conn:
        ledger.record_drift_check(conn, quiet)
    with reading(engine) as conn:
        assert ledger.drift_checks(conn, "m") == [replace(quiet, culprits=[])]
    with writing(engine) as conn:
        ledger.record_drift_check(conn, drifted)
        ledger.record_drift_check(conn, replace(quiet, as_of="2008-09-16", version="2"))
    with reading(engine) as conn:
        assert ledger.drift_checks(conn, "m", version="1") == [drifted]
        assert [one.as_of for one in ledger.drift_checks(conn, "m")] == ["2008-09-16", "2008-09-15"]


def test_model_versions__another_hash_under_the_same_number_is_broken(engine: Engine, now: datetime) -> None:
    walk = ModelVersion(
        model="m",
        version="1",
        run_id="r",
        sha256="a" * 64,
        as_of="2008-09-15",
        created_at=now,
        kind="random_walk",
    )
    trained = replace(walk, version="2", kind="lightgbm", created_at=now + DAY, data_version="d", request_id="q")
    with writing(engine) as conn:
        for registered in (walk, trained, replace(walk, created_at=now + DAY)):
            ledger.record_model_version(conn, registered)
    with pytest.raises(Broken, match=r"sha256 aaaaaaaaaaaa, not .* with bbbbbbbbbbbb"), writing(engine) as conn:
        ledger.record_model_version(conn, replace(walk, sha256="b" * 64))
    with reading(engine) as conn:
        assert ledger.model_versions(conn, "m") == [trained, walk]
        with pytest.raises(NotFound, match="no version 3 of 'm'"):
            ledger.read_model_version(conn, "m", "3")


def test_version_of_run__a_registry_that_counts_from_anew_takes_nobody_elses_number(
    engine: Engine, now: datetime
) -> None:
    first = ModelVersion(
        model="m", version="2", run_id="a", sha256="a" * 64, as_of="2008-09-15", created_at=now, kind="lightgbm"
    )
    with writing(engine) as conn:
        ledger.record_model_version(conn, first)
        numbers = [
            ledger.version_of_run(conn, "m", run, offered) for run, offered in (("a", "7"), ("b", "2"), ("b", "5"))
        ]
        assert numbers == ["2", "3", "5"]


def test_record_files__completes_an_old_record_once(engine: Engine, now: datetime) -> None:
    old = ModelVersion(
        model="m", version="2", run_id="a", sha256="a" * 64, as_of="2008-09-15", created_at=now, kind="lightgbm"
    )
    with writing(engine) as conn:
        ledger.record_model_version(conn, old)
        for files in ({"manifest.json": "b"}, {"manifest.json": "c"}):
            ledger.record_files(conn, old, files)
        assert ledger.read_model_version(conn, "m", "2").files == {"manifest.json": "b"}


def test_materialization__watermark_never_goes_back(engine: Engine, now: datetime) -> None:
    first = Materialization(view="alpha158", watermark=now, session="2008-09-15", rows=4, finished_at=now)
    again = replace(first, rows=5, finished_at=now + DAY)
    old = replace(first, watermark=now - DAY, session="2008-09-12", finished_at=now + 2 * DAY)
    with reading(engine) as conn:
        assert ledger.read_materialization(conn, "alpha158") is None
    with writing(engine) as conn:
        for one in (first, again, old):
            ledger.record_materialization(conn, one)
    with reading(engine) as conn:
        assert ledger.read_materialization(conn, "alpha158") == again
