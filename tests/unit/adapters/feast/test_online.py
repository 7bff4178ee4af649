"""What is served equals what is trained on, and never goes back in time."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from feast.infra.online_stores.sqlite import SqliteOnlineStore
from feast.protos.feast.types.Value_pb2 import Map
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergreen.adapters.feast import Features
from evergreen.adapters.feast.newest import NewestSqliteOnlineStore
from evergreen.errors import Broken, NotFound, Unavailable
from tests.unit.adapters.feast.rows import REPO, SESSIONS, Rows, at_close, bits


def test_online__equals_offline_bit_for_bit_and_says_what_it_stands_at(store: Features) -> None:
    rows = Rows(["BBB", "AAA", "CCC"], SESSIONS)
    rows.write(store)
    mark = store.materialize(at_close(SESSIONS[7]))
    assert mark.moved == 6 and set(mark.until.values()) == {at_close(SESSIONS[7])}
    online = store.read_online(["CCC", "AAA", "XXX", "AAA"])
    offline = rows.features.xs(SESSIONS[7], level="session").loc[["AAA", "CCC"]]
    assert online.features.index.tolist() == ["AAA", "CCC"] and bits(online.features) == bits(offline)
    prices = rows.prices.xs(SESSIONS[7], level="session").loc[["AAA", "CCC"]]
    assert online.close.tolist() == prices["close"].tolist()
    assert online.factor.tolist() == prices["factor"].tolist()
    assert (online.as_of == SESSIONS[7]).all()
    assert (online.event_timestamp == at_close(SESSIONS[7])).all()


def test_materialize__again_or_for_an_older_window_changes_nothing(store: Features) -> None:
    Rows(["AAA", "BBB"], SESSIONS).write(store)
    store.materialize(at_close(SESSIONS[10]))
    before = store.read_online(["AAA", "BBB"])
    assert store.materialize(at_close(SESSIONS[10])).moved == 0
    back = store.materialize(at_close(SESSIONS[3]))
    assert back.moved == 0 and back == store.watermark()
    assert set(back.until.values()) == {at_close(SESSIONS[10])}
    after = store.read_online(["AAA", "BBB"])
    assert bits(after.features) == bits(before.features) and (after.as_of == SESSIONS[10]).all()


def test_materialize__a_correction_of_the_newest_session_does_go_online(store: Features) -> None:
    Rows(["AAA", "BBB"], SESSIONS).write(store)
    store.materialize(at_close(SESSIONS[-1]))
    corrected = Rows(["AAA"], SESSIONS[-1:], seed=5, later="2h")
    corrected.write(store)
    assert store.materialize(at_close(SESSIONS[-1])).moved == 2
    assert bits(store.read_online(["AAA"]).features) == bits(corrected.features)


def test_materialize__a_crash_between_the_views_is_noticed_and_mended(store: Features) -> None:
    Rows(["AAA"], SESSIONS).write(store)
    store.materialize(at_close(SESSIONS[3]))
    before = store._feast.write_to_online_store
    calls: list[str] = []

    def dies_on_the_second(view: str, rows: pd.DataFrame) -> None:
        calls.append(view)
        if len(calls) == 2:
            raise KeyboardInterrupt
        before(view, rows)

    store._feast.write_to_online_store = dies_on_the_second
    with pytest.raises(KeyboardInterrupt):
        store.materialize(at_close(SESSIONS[4]))
    again = Features(store.root, REPO)
    with pytest.raises(Unavailable, match="different sessions"):
        again.read_online(["AAA"])
    assert again.materialize(at_close(SESSIONS[4])).moved == 1
    assert again.read_online(["AAA"]).as_of.tolist() == [SESSIONS[4]]


def test_read_online__before_anything_exists_says_what_to_do(tmp_path: Path, store: Features) -> None:
    with pytest.raises(NotFound, match="evergreen daily"):
        Features(tmp_path / "nowhere", REPO).read_online(["AAA"])
    assert store.read_online(["AAA"]).features.shape == (0, 158)
    with pytest.raises(NotFound, match="no feature rows"):
        store.training_frame(Rows(["AAA"], SESSIONS).entity())
    with pytest.raises(NotFound, match="no feature rows"):
        store.materialize(at_close(SESSIONS[0]))


def test_read_online__in_another_time_zone_loads_no_offline_engine(store: Features) -> None:
    Rows(["AAA"], SESSIONS).write(store)
    store.materialize(at_close(SESSIONS[1]))
    script = (
        "import sys; from pathlib import Path; from evergreen.adapters.feast import Features\n"
        f"online = Features(Path({str(store.root)!r}), Path({str(REPO)!r})).read_online(['AAA'])\n"
        "print(online.event_timestamp['AAA'], 'duckdb' in sys.modules, 'numba' in sys.modules)"
    )
    environment = {"TZ": "America/New_York", "PYTHONPATH": str(REPO.parent / "src")}
    process = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert process.stdout.strip() == f"{at_close(SESSIONS[1])} False False", process.stderr


def spoil(store: Features, view: str, name: str) -> None:
    """Change one stored online value of AAA behind everybody's back."""
    with sqlite3.connect(store.root / "online.db") as connection:
        table, of_aaa = f'"evergreen_{view} by key"', "where instr(entity_key, 'AAA')"
        values = Map.FromString(connection.execute(f'select "values" from {table} {of_aaa}').fetchone()[0])
        values.val[name].float_val = 0.5
        connection.execute(f'update {table} set "values" = ? {of_aaa}', (values.SerializeToString(),))


def tables(store: Features) -> set[str]:
    """What stands in the online store's file."""
    with sqlite3.connect(store.root / "online.db") as connection:
        return {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}


@pytest.fixture
def before(store: Features, tmp_path: Path) -> Features:
    """A home of the version before, at a session: its online values are in Feast's own layout, a row a value."""
    (store.root / "online.db").unlink()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("online_write_batch", "online_read", "update", "plan"):
            patch.setattr(NewestSqliteOnlineStore, name, getattr(SqliteOnlineStore, name))
        (store.root / "applied").unlink()
        Rows(["AAA", "BBB"], SESSIONS).write(store)
        store.materialize(at_close(SESSIONS[5]))
    return Features(store.root, REPO)


def test_online__of_the_version_before_is_read_as_it_stands_and_taken_over_by_the_next_write(before: Features) -> None:
    assert tables(before) == {"evergreen_alpha158", "evergreen_price"}
    as_it_stood = before.read_online(["AAA", "BBB"])
    assert (as_it_stood.as_of == SESSIONS[5]).all()
    assert before.materialize(at_close(SESSIONS[5])).moved == 0
    restated = Rows(["AAA"], SESSIONS[5:6], seed=8, later="2h")
    restated.write(before)
    assert before.materialize(at_close(SESSIONS[5])).moved == 2
    assert tables(before) == {"evergreen_alpha158 by key", "evergreen_price by key"}
    online = before.read_online(["AAA", "BBB"])
    assert bits(online.features.loc[["AAA"]]) == bits(restated.features)
    assert bits(online.features.loc[["BBB"]]) == bits(as_it_stood.features.loc[["BBB"]])
    assert online.close["BBB"] == as_it_stood.close["BBB"]
    assert (online.event_timestamp == as_it_stood.event_timestamp).all()


def test_online__taken_over_values_are_not_replaced_by_an_older_event(before: Features) -> None:
    before._feast.materialize(
        at_close(SESSIONS[0]).to_pydatetime(), at_close(SESSIONS[4]).to_pydatetime(), ["alpha158", "price"]
    )
    assert (before.read_online(["AAA", "BBB"]).as_of == SESSIONS[5]).all()
    assert "evergreen_alpha158" not in tables(before)


def test_materialize__refuses_and_blocks_reading_when_an_online_value_is_not_the_offline_one(store: Features) -> None:
    rows = Rows(["AAA", "BBB"], SESSIONS)
    rows.write(store)
    store.materialize(at_close(SESSIONS[5]))
    spoil(store, "alpha158", "MAX20")
    with pytest.raises(Broken, match="of 1 rows are not those of the offline store: alpha158 of AAA"):
        store.materialize(at_close(SESSIONS[5]))
    with pytest.raises(Unavailable, match="alpha158 of AAA"):
        Features(store.root, REPO).read_online(["BBB"])
    assert store.materialize(at_close(SESSIONS[5])).moved == 1
    healed = store.read_online(["AAA"])
    assert bits(healed.features) == bits(rows.features.loc[("AAA", [SESSIONS[5]]), :])


def test_online_store__feast_itself_cannot_put_an_old_window_over_a_newer_value(store: Features) -> None:
    rows = Rows(["AAA", "BBB"], SESSIONS)
    rows.write(store)
    store.materialize(at_close(SESSIONS[10]))
    store._feast.materialize(
        at_close(SESSIONS[0]).to_pydatetime(), at_close(SESSIONS[4]).to_pydatetime(), ["alpha158", "price"]
    )
    online = store.read_online(["AAA", "BBB"])
    assert (online.as_of == SESSIONS[10]).all()
    assert bits(online.features) == bits(rows.features.xs(SESSIONS[10], level="session", drop_level=False))
    old = Rows(["AAA"], SESSIONS[10:11], seed=3)
    older = old.features.reset_index(drop=True).assign(
        ticker="AAA", event_timestamp=old.closes.to_numpy()[0], created=at_close(SESSIONS[10]) + pd.Timedelta("1min")
    )
    store._feast.write_to_online_store("alpha158", older.assign(event_timestamp=at_close(SESSIONS[10])))
    assert bits(store.read_online(["AAA", "BBB"]).features) == bits(online.features)


def test_materialize__a_late_bar_of_an_earlier_session_changes_what_stands_online(store: Features) -> None:
    Rows(["AAA", "BBB"], SESSIONS).write(store)
    store.materialize(at_close(SESSIONS[-1]))
    restated = Rows(["AAA"], SESSIONS[-4:], seed=6, later="30h")  # a window of sessions, the newest among them
    restated.write(store)
    assert store.materialize(at_close(SESSIONS[-1])).moved == 2
    assert bits(store.read_online(["AAA"]).features) == bits(restated.features.tail(1))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 14), st.integers(0, 40), st.integers(0, 9)), min_size=2, max_size=6))
def test_online__is_the_newest_known_row_after_any_order_of_arrivals(
    store: Features, tmp_path: Path, steps: list[tuple[int, int, int]]
) -> None:
    home = tmp_path / str(abs(hash(tuple(steps))))
    shutil.copytree(store.root, home)
    own, written = Features(home, REPO), []
    own.apply()
    for number, (session, hours, seed) in enumerate(steps):
        rows = Rows(["AAA"], SESSIONS[session : session + 1], seed=seed, later=f"{hours}h")
        rows.known += pd.Timedelta(seconds=number)
        rows.write(own)
        own.materialize(at_close(SESSIONS[session]))
        written.append((SESSIONS[session], rows.known.iloc[0], bits(rows.features)))
    newest = max(written, key=lambda each: each[:2])
    online = own.read_online(["AAA"])
    assert (online.as_of.iloc[0], bits(online.features)) == (newest[0], newest[2])
