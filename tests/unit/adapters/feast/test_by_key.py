"""One row a key: what Feast's stores of SQLite and PostgreSQL keep, and what no order of writers can undo."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest
from feast.infra.online_stores.postgres_online_store.postgres import PostgreSQLOnlineStore
from feast.infra.online_stores.sqlite import SqliteOnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Map, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergreen.adapters.feast import Features, Servers
from evergreen.adapters.feast.by_key import StoredRow
from evergreen.adapters.feast.newest import NewestSqliteOnlineStore
from evergreen.adapters.feast.newest_postgresql import NewestPostgresqlOnlineStore, PostgresqlTables
from evergreen.errors import Broken, Unavailable
from tests.services.servers import Postgresql
from tests.unit.adapters.feast.rows import REPO, SESSIONS, Rows, at_close, bits

AT = datetime(2021, 3, 1, 21, tzinfo=UTC)
OWN, FEASTS = {"evergreen_alpha158 by key", "evergreen_price by key"}, {"evergreen_alpha158", "evergreen_price"}
WITHIN_ONE_TEST = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Online:
    """A kind of online store: Evergreen's class, Feast's own, and the database behind it."""

    own: type
    feasts: type
    servers: Servers
    connect: Callable[[], Any]
    listing: str

    def run(self, statement: str, *values: object) -> list[Any]:
        """What a statement gives, past the store."""
        with closing(self.connect()) as connection, connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def tables(self) -> set[str]:
        return {name for (name,) in self.run(self.listing)}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def online(request: pytest.FixtureRequest, tmp_path: Path) -> Online:
    if request.param == "sqlite":
        listing = "select name from sqlite_master where type = 'table'"
        file = tmp_path / "features" / "online.db"
        return Online(NewestSqliteOnlineStore, SqliteOnlineStore, Servers(), lambda: sqlite3.connect(file), listing)
    url = request.getfixturevalue("postgresql").database()
    listing = "select tablename from pg_tables where schemaname = 'public'"
    servers = Servers("", url)
    return Online(NewestPostgresqlOnlineStore, PostgreSQLOnlineStore, servers, lambda: psycopg.connect(url), listing)


@pytest.fixture
def store(online: Online, applied: Path, tmp_path: Path) -> Features:
    if not online.servers.online:
        shutil.copytree(applied, tmp_path / "features")
    return again(Features(tmp_path / "features", REPO, servers=online.servers))


@pytest.fixture
def before(online: Online, store: Features) -> Features:
    """A home of the version before, at a session: its online values are in Feast's own layout, a row a value."""
    store._feast.teardown()
    (store.root / "applied").unlink()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("online_write_batch", "update", "plan"):
            patch.setattr(online.own, name, getattr(online.feasts, name))
        Rows(["AAA", "BBB"], SESSIONS).write(store)
        store.materialize(at_close(SESSIONS[5]))
    assert online.tables() == FEASTS
    return again(store)


def again(store: Features) -> Features:
    """The same store as another process would open it."""
    other = Features(store.root, REPO, servers=store.servers)
    other.apply()
    return other


class Keys:
    """Single values of `price` by ticker, through Feast's interface and past Evergreen's."""

    def __init__(self, store: Features) -> None:
        self._feast = store._feast
        self._view = self._feast.get_feature_view("price")
        self.online = self._feast._get_provider().online_store

    def write(self, *rows: tuple[str, float, datetime, datetime | None]) -> None:
        """Rows of ticker, value, event and version, in one batch."""
        batch = [
            (_key(ticker), {"close": Value(double_val=value)}, event, created) for ticker, value, event, created in rows
        ]
        self.online.online_write_batch(self._feast.config, self._view, batch, None)

    def read(self, *tickers: str) -> list[tuple[float, datetime] | None]:
        answers = self.online.online_read(self._feast.config, self._view, [_key(each) for each in tickers])
        return [values and (values["close"].double_val, event) for event, values in answers]

    async def read_async(self, ticker: str) -> Any:
        return await self.online.online_read_async(self._feast.config, self._view, [_key(ticker)], ["close"])


def _key(ticker: str) -> EntityKey:
    return EntityKey(join_keys=["ticker"], entity_values=[Value(string_val=ticker)])


def test_write__has_one_row_a_key_and_reads_back_in_the_order_of_the_keys(store: Features, online: Online) -> None:
    keys = Keys(store)
    keys.write(("BBB", 2.0, AT, AT), ("AAA", 1.0, AT + timedelta(microseconds=1), None))
    assert keys.read("AAA", "XXX", "BBB", "AAA") == [
        (1.0, AT + timedelta(microseconds=1)),
        None,
        (2.0, AT),
        (1.0, AT + timedelta(microseconds=1)),
    ]
    assert len(online.run('select entity_key from "evergreen_price by key"')) == 2
    keys.write()
    assert keys.read() == []


def test_write__of_equal_instants_the_later_one_stays_and_of_one_event_the_newest_version(store: Features) -> None:
    keys = Keys(store)
    keys.write(("AAA", 1.0, AT, AT))
    keys.write(("AAA", 2.0, AT, AT))
    assert keys.read("AAA") == [(2.0, AT)]
    for created in (None, AT - timedelta(microseconds=1)):
        keys.write(("AAA", 3.0, AT, created))
    keys.write(("AAA", 4.0, AT - timedelta(microseconds=1), AT + timedelta(days=9)))
    assert keys.read("AAA") == [(2.0, AT)]
    keys.write(("AAA", 5.0, AT, AT + timedelta(microseconds=1)))
    assert keys.read("AAA") == [(5.0, AT)]


@WITHIN_ONE_TEST
@given(batches=st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=4), min_size=1, max_size=5))
def test_write__the_newest_stays_after_any_order_of_arrivals(
    store: Features, batches: list[list[tuple[int, int]]]
) -> None:
    ticker, keys, arrived = str(batches), Keys(store), list[tuple[int, int, float]]()
    for batch in batches:
        numbered = [(event, created, float(len(arrived) + place)) for place, (event, created) in enumerate(batch)]
        keys.write(*((ticker, value, AT + timedelta(days=e), AT + timedelta(days=c)) for e, c, value in numbered))
        arrived += numbered
    newest = max(arrived, default=None)
    assert keys.read(ticker) == [newest and (newest[2], AT + timedelta(days=newest[0]))]


def test_online_store__feast_itself_cannot_put_an_old_window_over_a_newer_value(store: Features) -> None:
    rows = Rows(["AAA", "BBB"], SESSIONS)
    rows.write(store)
    store.materialize(at_close(SESSIONS[10]))
    window = [at_close(session).to_pydatetime() for session in (SESSIONS[0], SESSIONS[4])]
    store._feast.materialize(*window, ["alpha158", "price"])
    online = store.read_online(["AAA", "BBB"])
    assert (online.as_of == SESSIONS[10]).all()
    assert bits(online.features) == bits(rows.features.xs(SESSIONS[10], level="session", drop_level=False))
    older = Rows(["AAA"], SESSIONS[10:11], seed=3).features.reset_index(drop=True)
    created = at_close(SESSIONS[10]) + (SESSIONS[1] - SESSIONS[0]) / 1440  # a minute after the close
    store._feast.write_to_online_store(
        "alpha158", older.assign(ticker="AAA", event_timestamp=at_close(SESSIONS[10]), created=created)
    )
    assert bits(store.read_online(["AAA", "BBB"]).features) == bits(online.features)


def test_get_online_features__reads_both_views_and_says_when_they_were_known(store: Features) -> None:
    rows = Rows(["AAA", "BBB"], SESSIONS)
    rows.write(store)
    store.materialize(at_close(SESSIONS[7]))
    request = {"features": ["alpha158:KMID", "price:close"], "entity_rows": [{"ticker": "BBB"}, {"ticker": "XXX"}]}
    answer = store._feast.get_online_features(**request).to_dict(include_event_timestamps=True)
    assert answer["close"] == [rows.prices["close"]["BBB", SESSIONS[7]], None]
    assert answer["KMID"][0] == pytest.approx(float(rows.features["KMID"]["BBB", SESSIONS[7]]), nan_ok=True)
    assert answer["KMID__ts"][0] == answer["close__ts"][0] == int(at_close(SESSIONS[7]).timestamp())


def test_before__is_read_as_it_stands_and_taken_over_by_the_next_write(before: Features, online: Online) -> None:
    as_it_stood, stored = before.read_online(["AAA", "BBB"]), Rows(["AAA", "BBB"], SESSIONS)
    assert bits(as_it_stood.features) == bits(stored.features.xs(SESSIONS[5], level="session", drop_level=False))
    assert Keys(before).read("XXX", "BBB") == [None, (as_it_stood.close["BBB"], at_close(SESSIONS[5]))]
    assert before.materialize(at_close(SESSIONS[5])).moved == 0
    assert online.tables() == FEASTS
    restated = Rows(["AAA"], SESSIONS[5:6], seed=8, later="2h")
    restated.write(before)
    assert before.materialize(at_close(SESSIONS[5])).moved == 2
    assert online.tables() == OWN
    values = before.read_online(["AAA", "BBB"])
    assert bits(values.features.loc[["AAA"]]) == bits(restated.features)
    assert bits(values.features.loc[["BBB"]]) == bits(as_it_stood.features.loc[["BBB"]])
    assert values.close["BBB"] == as_it_stood.close["BBB"]
    assert (values.event_timestamp == as_it_stood.event_timestamp).all()


def test_before__is_not_replaced_by_an_older_event_or_version(before: Features, online: Online) -> None:
    window = [at_close(session).to_pydatetime() for session in (SESSIONS[0], SESSIONS[4])]
    before._feast.materialize(*window, ["alpha158", "price"])
    assert (before.read_online(["AAA", "BBB"]).as_of == SESSIONS[5]).all()
    assert online.tables() == OWN
    event = at_close(SESSIONS[5]).to_pydatetime()  # its version is known half an hour later
    keys = Keys(before)
    stood = keys.read("AAA")
    keys.write(("AAA", 1.0, event, event + timedelta(minutes=29)))
    assert keys.read("AAA") == stood
    keys.write(("AAA", 2.0, event, event + timedelta(minutes=30)))
    assert keys.read("AAA") == [(2.0, event)]


DIES = """
import os, signal, sys
from pathlib import Path
from evergreen.adapters.feast import Features, Servers
from evergreen.adapters.feast.newest import SqliteTables
from evergreen.adapters.feast.newest_postgresql import PostgresqlTables
for tables in (SqliteTables, PostgresqlTables):
    setattr(tables, sys.argv[4], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
store = Features(Path(sys.argv[1]), Path(sys.argv[2]), servers=Servers("", sys.argv[3]))
store.materialize(__import__("pandas").Timestamp(sys.argv[5]))
"""


@pytest.mark.parametrize("dies_at", ["_drop", "write"])
def test_before__is_whole_after_a_kill_within_the_taking_over(before: Features, online: Online, dies_at: str) -> None:
    stood = before.read_online(["AAA", "BBB"])
    arguments = [before.root, REPO, online.servers.online, dies_at, at_close(SESSIONS[6]).isoformat()]
    environment = {"PYTHONPATH": str(REPO.parent / "src")}
    script = [sys.executable, "-c", DIES, *map(str, arguments)]
    process = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert process.returncode == -9, process.stderr
    assert online.tables() == FEASTS
    assert bits(again(before).read_online(["AAA", "BBB"]).features) == bits(stood.features)
    assert before.materialize(at_close(SESSIONS[6])).moved == 4
    assert online.tables() == OWN


def test_before__what_another_version_writes_meanwhile_comes_along(before: Features, online: Online) -> None:
    keys = Keys(before)
    keys.write(("AAA", 1.0, AT, AT))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("online_write_batch", "update", "plan"):
            patch.setattr(online.own, name, getattr(online.feasts, name))
        other = again(before)
        (other.root / "applied").unlink()
        other = again(other)
        Keys(other).write(("AAA", 2.0, AT - timedelta(1), AT), ("BBB", 3.0, AT, AT))
    keys.write(("CCC", 4.0, AT, AT))
    assert keys.read("AAA", "BBB", "CCC") == [(1.0, AT), (3.0, AT), (4.0, AT)]
    assert "evergreen_price" not in online.tables()


def side_by_side(*works: Callable[[], object]) -> None:
    """Have all begin at once; what one raises is raised."""
    barrier = Barrier(len(works))

    def begin(work: Callable[[], object]) -> None:
        barrier.wait()
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        for each in [pool.submit(begin, work) for work in works]:
            each.result()


def test_write__two_at_once_on_the_same_keys_both_end_and_the_newest_stays(store: Features) -> None:
    tickers = [f"T{number:03}" for number in range(300)]

    def writing(keys: Keys, order: int, days: list[int]) -> Callable[[], None]:
        def write() -> None:
            for day in days:
                keys.write(*((ticker, float(day), AT + timedelta(days=day), None) for ticker in tickers[::order]))

        return write

    days = list(range(20))
    side_by_side(writing(Keys(again(store)), 1, days), writing(Keys(again(store)), -1, days[::-1]))
    assert set(Keys(store).read(*tickers)) == {(19.0, AT + timedelta(days=19))}


def test_before__two_first_writers_and_a_reader_at_once_lose_nothing(before: Features, online: Online) -> None:
    one, another, reader = (Keys(again(before)) for _ in range(3))
    stood = reader.read("BBB")

    def read() -> None:
        for _ in range(40):
            assert reader.read("BBB") == stood

    side_by_side(
        lambda: one.write(("AAA", 1.0, AT, AT), ("CCC", 1.0, AT, AT)),
        lambda: another.write(("CCC", 2.0, AT + timedelta(1), AT), ("AAA", 2.0, AT + timedelta(1), AT)),
        read,
    )
    assert reader.read("AAA", "BBB", "CCC") == [(2.0, AT + timedelta(1)), *stood, (2.0, AT + timedelta(1))]
    assert "evergreen_price" not in online.tables()


def spoil(online: Online, view: str, name: str) -> None:
    """Change one stored online value of AAA behind everybody's back."""
    table = f'"evergreen_{view} by key"'
    [stored] = [stored for key, stored in online.run(f'select entity_key, "values" from {table}') if b"AAA" in key]
    values = Map.FromString(stored)
    values.val[name].float_val = 0.5
    mark = "%s" if online.servers.online else "?"
    online.run(f'update {table} set "values" = {mark} where "values" = {mark}', values.SerializeToString(), stored)


def test_materialize__refuses_and_blocks_reading_when_an_online_value_is_not_the_offline_one(
    store: Features, online: Online
) -> None:
    rows = Rows(["AAA", "BBB"], SESSIONS)
    rows.write(store)
    store.materialize(at_close(SESSIONS[5]))
    spoil(online, "alpha158", "MAX20")
    with pytest.raises(Broken, match="of 1 rows are not those of the offline store: alpha158 of AAA"):
        store.materialize(at_close(SESSIONS[5]))
    with pytest.raises(Unavailable, match="alpha158 of AAA"):
        again(store).read_online(["BBB"])
    assert store.materialize(at_close(SESSIONS[5])).moved == 1
    healed = store.read_online(["AAA"])
    assert bits(healed.features) == bits(rows.features.loc[("AAA", [SESSIONS[5]]), :])


def test_apply__makes_the_tables_and_removes_those_of_a_view_that_is_gone(before: Features, online: Online) -> None:
    feast, keys = before._feast, Keys(before)
    stood = keys.read("AAA", "BBB")
    keys.online.update(feast.config, [], [feast.get_feature_view("price")], [], [], partial=True)
    assert online.tables() == {"evergreen_price by key", "evergreen_alpha158"}
    assert keys.read("AAA", "BBB") == stood
    for view in ("price", "alpha158"):
        keys.online.update(feast.config, [feast.get_feature_view(view)], [], [], [], partial=True)
    assert online.tables() == set()


def test_teardown__leaves_no_table_and_apply_begins_with_nothing(store: Features, online: Online) -> None:
    Keys(store).write(("AAA", 1.0, AT, AT))
    assert online.tables() == OWN
    store._feast.teardown()
    assert online.tables() == set()
    (store.root / "applied").unlink()
    anew = Keys(again(store))
    assert online.tables() == OWN and anew.read("AAA") == [None]


@pytest.mark.services
def test_postgresql__reads_in_a_thread_too_as_feasts_own_does(postgresql: Postgresql, tmp_path: Path) -> None:
    keys = Keys(again(Features(tmp_path, REPO, servers=Servers("", postgresql.database()))))
    keys.write(("AAA", 1.0, AT, AT))
    [(event, values)] = asyncio.run(keys.read_async("AAA"))
    assert (event, values["close"].double_val) == (AT, 1.0)


@pytest.mark.services
def test_postgresql__cuts_no_name_so_that_two_views_are_one(postgresql: Postgresql) -> None:
    names = ["v" * length for length in (56, 57, 63, 64, 90)]
    with psycopg.connect(postgresql.database(), autocommit=True) as connection:
        tables = PostgresqlTables(connection)
        for event, name in enumerate(names):
            for _ in range(2):
                tables.make(name)
            tables.write(name, [StoredRow(b"key", b"", event, 0)])
        assert [row.event for name in names for row in tables.read(name, [b"key"])] == [0, 1, 2, 3, 4]
