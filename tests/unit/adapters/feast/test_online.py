"""What is served equals what is trained on, and never goes back in time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evergreen.adapters.feast import Features
from evergreen.errors import NotFound, Unavailable
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
