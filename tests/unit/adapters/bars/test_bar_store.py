from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.bars import AppendReport, BarStore
from evergreen.adapters.bars.parquet import ORDER, write_bars
from evergreen.adapters.bars.store import ASSUMED_DELAY
from evergreen.adapters.bars.writing import only_writer
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import NUMBERS, conform
from evergreen.core.market import simulate
from evergreen.errors import BadInput, BadSetting, Broken, Unavailable

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2007-12-03"), pd.Timestamp("2008-01-31"))
BARS = simulate(3, DAYS, seed=1)
EPOCH = pd.Timestamp("2008-02-01", tz="UTC")


def at(hours: int) -> pd.Timestamp:
    return EPOCH + pd.Timedelta(hours=hours)


def prices(bars: pd.DataFrame) -> pd.DataFrame:
    return bars[["ticker", "session", *NUMBERS]].reset_index(drop=True)


def closes(bars: pd.DataFrame) -> dict[tuple[str, pd.Timestamp], float]:
    return {(bar.ticker, bar.session): bar.close for bar in bars.itertuples()}


def test_append__gives_back_what_it_was_given_and_says_when_it_was_known(tmp_path: Path) -> None:
    store = BarStore(tmp_path, Calendar("XNYS"))
    assert store.last_session() is None and store.as_of().empty
    assert store.append(BARS.sample(frac=1, random_state=1), at(0), "test") == AppendReport(len(BARS), 0, 0)
    stored = store.as_of()
    pd.testing.assert_frame_equal(prices(stored), prices(BARS))
    assert set(stored["source"]) == {"test"} and set(stored["known_at"]) == {at(0)}
    assert list(stored.dtypes) == list(conform(BARS).dtypes)
    pd.testing.assert_index_equal(store.sessions(), DAYS)
    assert store.last_session() == DAYS[-1]
    assert sorted(path.name for path in store.folder.iterdir()) == ["year=2007.parquet", "year=2008.parquet"]


def test_append__the_same_twice_changes_no_byte(tmp_path: Path) -> None:
    store = BarStore(tmp_path, Calendar("XNYS"))
    store.append(BARS, at(0), "test")
    before = store.content_hash()
    assert store.append(BARS, at(5), "again") == AppendReport(0, 0, len(BARS))
    assert store.content_hash() == before


def delivered(root: Path, days: pd.DatetimeIndex = DAYS) -> BarStore:
    """A store that got each session in a delivery of its own, all at one instant."""
    store = BarStore(root, Calendar("XNYS"))
    for day in days:
        store.append(BARS[BARS["session"] == day], at(0), "test")
    return store


def files(store: BarStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder.iterdir()}


def test_append__a_session_is_a_part_never_rewritten_and_a_finished_month_one(tmp_path: Path) -> None:
    store, written = BarStore(tmp_path / "a", Calendar("XNYS")), dict[str, bytes]()
    for day in DAYS:
        store.append(BARS[BARS["session"] == day], at(0), "test")
        assert files(store).items() >= {name: written[name] for name in written.keys() & files(store)}.items()
        written |= files(store)
    names = sorted(files(store))
    assert names[0] == "part-000001-000019_2007-12-04_2007-12-31.parquet"
    assert [name[12:-8] for name in names[1:-2]] == [
        f"{n:06d}_{d:%Y-%m-%d}_{d:%Y-%m-%d}" for n, d in enumerate(DAYS[21:], 20)
    ]
    assert names[-2:] == ["year=2007.parquet", "year=2008.parquet"]
    at_once = BarStore(tmp_path / "b", Calendar("XNYS"))
    at_once.append(BARS, at(0), "test")
    pd.testing.assert_frame_equal(store.as_of(), at_once.as_of())
    assert store.counts() == at_once.counts() == (len(BARS), 0)
    pd.testing.assert_index_equal(store.sessions(), DAYS)


def test_append__what_a_month_held_is_told_apart_after_it_became_one(tmp_path: Path) -> None:
    """The same bar restated twice at one instant, which only the order of arrival tells apart."""
    store = delivered(tmp_path, DAYS[:20])
    bar = BARS[(BARS["session"] == DAYS[4]) & (BARS["ticker"] == "S1")]
    for factor, hours in ((1.01, 1), (1.02, 3), (1.03, 3)):
        store.append(bar.assign(close=bar["close"] * factor), at(hours), "test")
    before = [store.as_of(at(hours)) for hours in (0, 1, 2, 3)]
    for day in DAYS[20:23]:
        store.append(BARS[BARS["session"] == day], at(4), "test")
    assert len([name for name in files(store) if name.startswith("part")]) == 3
    for hours, then in enumerate(before):
        pd.testing.assert_frame_equal(store.as_of(at(hours)), then)
    assert store.counts() == (3 * 23, 3)
    assert store.changed_since(at(3)) == DAYS[20]
    assert store.changed_since(at(2)) == DAYS[4]
    assert store.changed_since(at(4)) is None


def test_append__goes_on_from_the_version_before_and_leaves_its_files_alone(tmp_path: Path) -> None:
    """It kept a file a year, with a restatement beside what it replaced, and nothing in the footer."""
    store = BarStore(tmp_path, Calendar("XNYS"))
    store.append(BARS[BARS["session"] < DAYS[-2]], at(0), "test")
    restated = BARS.iloc[[5]].assign(close=BARS["close"].iloc[5] * 1.01)
    store.append(restated, at(1), "test")
    rows = pd.concat([pd.read_parquet(path) for path in store.folder.iterdir()])
    (store.folder / "part-000001-000001_2007-12-10_2007-12-10.parquet").unlink()
    for year, part in rows.groupby(rows["session"].dt.year):
        write_bars(store.folder / f"year={year}.parquet", part.sort_values(ORDER), tmp_path / ".aside")
    before = files(store)
    assert store.counts() == (3 * (len(DAYS) - 2), 1)
    assert store.changed_since(at(0)) == DAYS[5]
    store.append(BARS[BARS["session"] >= DAYS[-3]], at(2), "test")
    assert files(store).items() >= before.items()
    assert store.counts() == (len(BARS), 1) and store.last_session() == DAYS[-1]
    pd.testing.assert_frame_equal(prices(store.as_of(at(0))), prices(BARS[BARS["session"] < DAYS[-2]]))


def test_as_of__reads_on_when_a_month_becomes_one_meanwhile(tmp_path: Path) -> None:
    store, left = delivered(tmp_path, DAYS[:21]), list(DAYS[21:23])

    def read(path: Path) -> int:
        while left:  # the first merges the month's parts, the second removes them
            store.append(BARS[BARS["session"] == left.pop(0)], at(0), "test")
        return len(pd.read_parquet(path))

    assert sum(store._each(read)) == 3 * 23
    (store.folder / "part-000099-000099_2008-01-31_2008-01-31.parquet").symlink_to(tmp_path / "nowhere")
    with pytest.raises(Broken, match="000099"):
        store.as_of()


def test_append__assumes_history_was_known_at_its_own_close(tmp_path: Path) -> None:
    store = BarStore(tmp_path, Calendar("XNYS"))
    store.append(BARS, at(0), "test", assumed=True)
    stored = store.as_of()
    ends = Calendar("XNYS").closes(pd.DatetimeIndex(stored["session"]))
    assert (pd.DatetimeIndex(stored["known_at"]) - ends == pd.Timedelta(minutes=30)).all()
    assert stored["known_at_assumed"].all()
    half = store.as_of(Calendar("XNYS").close(DAYS[9]))
    assert half["session"].max() == DAYS[8]


def test_append__assumes_nothing_about_a_restatement(tmp_path: Path) -> None:
    store = BarStore(tmp_path, Calendar("XNYS"))
    store.append(BARS, at(0), "test", assumed=True)
    then = store.as_of(at(1))
    restated = BARS.assign(close=BARS["close"].where(BARS.index != 5, BARS["close"] * 1.001))
    for _ in range(2):
        store.append(restated, at(2), "test", assumed=True)
    pd.testing.assert_frame_equal(store.as_of(at(1)), then)
    newest = store.as_of()
    assert list(newest["known_at"][~newest["known_at_assumed"]]) == [at(2)]
    early = Calendar("XNYS").close(DAYS[-1])
    fresh = BarStore(tmp_path / "early", Calendar("XNYS"))
    fresh.append(BARS, early, "test", assumed=True)
    assert fresh.as_of()["known_at"].max() == early


def test_as_of__equals_a_slow_reading_of_all_deliveries(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    store, deliveries = BarStore(tmp_path, Calendar("XNYS")), []
    for hours in (0, 1, 2, 5, 8, 8):  # the last restates within the hour
        delivery = BARS.sample(frac=0.4, random_state=int(rng.integers(1e6)))
        delivery = delivery.assign(close=np.round(delivery["close"] * rng.choice([1, 1.01], len(delivery)), 4))
        store.append(delivery, at(hours), "test")
        deliveries.append((hours, delivery))
        for instant in (0, 2, 4, 9):
            newest: dict[tuple[str, pd.Timestamp], float] = {}
            for bars in (bars for known, bars in deliveries if known <= instant):
                newest |= closes(bars)
            assert closes(store.as_of(at(instant))) == newest
    before = store.content_hash()
    last = deliveries[-1][1]
    assert not store.append(last, at(8), "test").changed
    assert store.content_hash() == before


def test_append__keeps_what_a_restatement_replaces(tmp_path: Path) -> None:
    store = BarStore(tmp_path, Calendar("XNYS"))
    store.append(BARS, at(0), "test")
    restated = BARS.iloc[[5, 50]].assign(close=lambda bars: bars["close"] * 1.001)
    assert store.append(restated, at(1), "test") == AppendReport(0, 2, 0)
    pd.testing.assert_frame_equal(prices(store.as_of(at(0))), prices(BARS))
    assert prices(store.as_of()).equals(prices(BARS)) is False
    assert store.append(BARS.iloc[[5, 50]], at(2), "test") == AppendReport(0, 2, 0)
    pd.testing.assert_frame_equal(prices(store.as_of()), prices(BARS))
    assert store.counts() == (len(BARS), 4)


def test_as_of__reads_only_what_is_asked(tmp_path: Path) -> None:
    store = BarStore(tmp_path, Calendar("XNYS"))
    store.append(BARS, at(0), "test")
    window = store.as_of(tickers=["S1"], start=DAYS[3], end=DAYS[25])
    expected = BARS[(BARS["ticker"] == "S1") & BARS["session"].between(DAYS[3], DAYS[25])]
    pd.testing.assert_frame_equal(prices(window), prices(expected))
    assert store.as_of(tickers=["nobody"]).empty


def test_append__refuses_what_it_cannot_keep(tmp_path: Path) -> None:
    store = BarStore(tmp_path, Calendar("XNYS"))
    with pytest.raises(BadInput, match="has no zone"):
        store.append(BARS, pd.Timestamp("2008-02-01"), "test")
    with pytest.raises(BadInput, match="has no zone"):
        store.as_of(pd.Timestamp("2008-02-01"))
    with pytest.raises(BadInput, match="S0 2007-12-03 comes twice"):
        store.append(pd.concat([BARS, BARS.iloc[:1]]), at(0), "test")
    assert store.append(BARS.iloc[:0], at(0), "test") == AppendReport(0, 0, 0)
    assert not store.folder.exists()


def test_store__in_a_place_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(BadSetting, match=r"taken.* cannot be written"):
        BarStore(tmp_path / "taken", Calendar("XNYS")).append(BARS, at(0), "test")


def test_store__with_a_damaged_partition_is_broken_not_empty(tmp_path: Path) -> None:
    store = BarStore(tmp_path, Calendar("XNYS"))
    store.append(BARS, at(0), "test")
    partition = store.folder / "year=2008.parquet"
    partition.write_bytes(partition.read_bytes()[:-100])
    for question in (store.as_of, store.sessions, lambda: store.append(BARS, at(1), "test")):
        with pytest.raises(Broken, match=r"year=2008\.parquet"):
            question()


@pytest.mark.parametrize(
    ("exchange", "close"),
    [("XNYS", "20:00"), ("XLON", "15:30"), ("XTKS", "06:00"), ("XBOM", "10:00"), ("24/7", "00:00")],
)
def test_append__history_is_known_at_the_close_of_its_own_exchange(tmp_path: Path, exchange: str, close: str) -> None:
    """Known at another exchange's close, a bar of London would be five hours late; one of Tokyo would look ahead."""
    session = pd.Timestamp("2024-06-04")
    store = BarStore(tmp_path, Calendar(exchange))
    store.append(BARS.head(1).assign(session=session), pd.Timestamp("2024-06-06", tz="UTC"), "test", assumed=True)
    midnight = session + pd.Timedelta(days=1 if close == "00:00" else 0)
    known_at = store.as_of()["known_at"].iloc[0]
    assert known_at - ASSUMED_DELAY == midnight.tz_localize("UTC") + pd.Timedelta(f"{close}:00")


KILLED = """
import os, signal, sys
import pandas as pd
from pathlib import Path
from evergreen.adapters.bars import BarStore, writing
from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate

bars = simulate(3, Calendar("XNYS").sessions(pd.Timestamp("2007-12-03"), pd.Timestamp("2008-01-31")), seed=1)
sync = writing.sync
for step in range(4):
    left = [step]
    def die(path):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        sync(path)
    child = os.fork()
    if child == 0:
        writing.sync = die
        store = BarStore(Path(sys.argv[1]) / str(step), Calendar("XNYS"))
        store.append(bars, pd.Timestamp("2008-02-01", tz="UTC"), "test")
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
"""


@pytest.mark.faults
def test_append__killed_at_any_write_ends_alike_when_run_again(tmp_path: Path) -> None:
    calm = BarStore(tmp_path / "calm", Calendar("XNYS"))
    calm.append(BARS, at(0), "test")
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=True)
    for step in range(4):  # two years, each: the file, then its folder
        hurt = BarStore(tmp_path / str(step), Calendar("XNYS"))
        hurt.as_of()
        hurt.append(BARS, at(0), "test")
        assert hurt.content_hash() == calm.content_hash()


MERGED = """
import os, signal, sys
import pandas as pd
from pathlib import Path
from evergreen.adapters.bars import BarStore, writing
from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate

bars = simulate(3, Calendar("XNYS").sessions(pd.Timestamp("2007-12-03"), pd.Timestamp("2008-01-31")), seed=1)
for folder in sys.argv[3:]:
    left = [int(Path(folder).name)]
    def dying(call):
        def before(*given, **options):
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return call(*given, **options)
        return before
    child = os.fork()
    if child == 0:
        writing.sync, Path.unlink, Path.replace = dying(writing.sync), dying(Path.unlink), dying(Path.replace)
        store = BarStore(Path(folder), Calendar("XNYS"))
        for day in sys.argv[1:3]:
            store.append(bars[bars["session"] == day], pd.Timestamp("2008-02-01", tz="UTC"), "test")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.faults
def test_append__killed_between_parts_and_their_merging_ends_alike_when_run_again(tmp_path: Path) -> None:
    """Six steps write a part and merge the month, nineteen remove what was merged, three write the next part."""
    before, last = delivered(tmp_path / "before", DAYS[:21]), DAYS[21:23]
    calm = files(delivered(tmp_path / "calm", DAYS[:23]))
    hurt = [BarStore(tmp_path / str(step), Calendar("XNYS")) for step in (*range(7), 9, 24, 25, 27, 28)]
    for store in hurt:
        shutil.copytree(before.root, store.root)
    given = [*(f"{day:%Y-%m-%d}" for day in last), *(str(store.root) for store in hurt)]
    process = subprocess.run([sys.executable, "-c", MERGED, *given], check=True, capture_output=True, text=True)
    assert process.stdout.split() == [str(-signal.SIGKILL)] * (len(hurt) - 1) + ["0"]
    for store in hurt:
        whole = len(store.as_of())
        assert whole in {3 * 21, 3 * 22, 3 * 23} and store.counts() == (whole, 0)
        for day in last:
            store.append(BARS[BARS["session"] == day], at(0), "test")
        assert files(store) == calm


def test_append__waits_for_another_writer_and_then_says_who_is_in_the_way(tmp_path: Path) -> None:
    busy = pytest.raises(Unavailable, match="another process has been writing")
    with only_writer(tmp_path / "lock"), busy, only_writer(tmp_path / "lock", patience=0.05):
        pass
    holder = os.fork()
    if holder == 0:
        with only_writer(tmp_path / "lock"):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(holder, 0)
    with only_writer(tmp_path / "lock", patience=0.05):
        pass
