"""However its bars arrive, a home ends with the store, forecasts and outcomes of one that missed nothing.

Forecasts for which the bars came too late are absent, and marked so.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import text

from evergreen.adapters.bars import SampleSource
from evergreen.adapters.database import ledger, owed, reading
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.schema import NUMBERS
from evergreen.core.bars.session import iso
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.flows.conftest import TICKERS, WALKED

XNYS = Calendar("XNYS")
WALKED_LAST = XNYS.next(pd.Timestamp("2008-06-30"), WALKED)
DAYS = XNYS.sessions(XNYS.next(WALKED_LAST), XNYS.next(WALKED_LAST, 4))
SAMPLE = SampleSource().fetch(TICKERS, pd.Timestamp("2008-06-01"), DAYS[-1])

pytestmark = pytest.mark.xdist_group("lived")


@dataclass
class World:
    """A home, the vendor's folder, and the clock on the wall."""

    at: Workspace
    folder: Path
    now: datetime

    def evening(self, number: int, bars: pd.DataFrame) -> list[str]:
        """The run in the evening of a session, with what the vendor has by then."""
        from flows.daily import daily

        bars.to_parquet(self.folder / "bars.parquet")
        self.now = (XNYS.close(DAYS[number]) + pd.Timedelta(minutes=30)).to_pydatetime()
        return daily(f"files:{self.folder}", TICKERS, as_of=iso(DAYS[number]))

    def read(self, query: str) -> pd.DataFrame:
        with reading(self.at.engine) as conn:
            return pd.read_sql(text(query), conn)

    def bars(self) -> pd.DataFrame:
        return self.at.bars.as_of()[["ticker", "session", *NUMBERS]]

    def forecasts(self) -> pd.DataFrame:
        return self.read("select session, ticker, version, value from forecast order by 1, 2, 3")

    def outcomes(self) -> pd.DataFrame:
        return self.read("select session, ticker, horizon, value from outcome order by 1, 2, 3")

    def missed(self) -> list[str]:
        with reading(self.at.engine) as conn:
            walked = ledger.sessions(conn, self.at.settings.model_name)
        return sorted(session.as_of for session in walked if session.report.get("forecasts_missed"))


@pytest.fixture
def world(copied: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make_world(copied, tmp_path / "vendor", monkeypatch)


def make_world(at: Workspace, folder: Path, patch: pytest.MonkeyPatch) -> World:
    import flows.daily

    folder.mkdir()
    world = World(at, folder, datetime.min)
    patch.setattr(flows.daily, "now_at", lambda session, at: world.now)
    return world


@pytest.fixture(scope="module")
def unbroken(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("unbroken")
    shutil.copytree(lived, folder / "home")
    with pytest.MonkeyPatch.context() as patch:
        world = make_world(enter(folder / "home", patch), folder / "vendor", patch)
        for number in range(len(DAYS)):
            assert world.evening(number, through(number)) == [iso(DAYS[number])]
    yield world


def through(number: int) -> pd.DataFrame:
    return SAMPLE[SAMPLE["session"] <= (DAYS[number] if number >= 0 else WALKED_LAST)]


def outage(world: World) -> list[str]:
    """Three evenings without a bar, then all of them."""
    for number in range(3):
        assert world.evening(number, through(-1)) == []
    assert world.evening(3, through(3)) == [iso(day) for day in DAYS]
    return [iso(day) for day in DAYS[:3]]


def late_vendor(world: World) -> list[str]:
    """Every session's bars come an evening late, and on the last evening the vendor has caught up."""
    assert world.evening(0, through(-1)) == []
    assert world.evening(1, through(0)) == [iso(DAYS[0])]
    assert world.evening(2, through(1)) == [iso(DAYS[1])]
    assert world.evening(3, through(3)) == [iso(DAYS[2]), iso(DAYS[3])]
    return [iso(day) for day in DAYS[:3]]


def sleep(world: World) -> list[str]:
    """The machine slept for three evenings."""
    assert world.evening(3, through(3)) == [iso(day) for day in DAYS]
    return [iso(day) for day in DAYS[:3]]


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [outage, late_vendor, sleep])
def test_trouble__ends_as_an_unbroken_run_but_for_the_forecasts_it_missed(
    unbroken: World, world: World, trouble: Callable[[World], list[str]]
) -> None:
    missed = trouble(world)
    pd.testing.assert_frame_equal(world.bars(), unbroken.bars())
    pd.testing.assert_frame_equal(world.outcomes(), unbroken.outcomes())
    expected = unbroken.forecasts()
    expected = expected[~expected["session"].isin(missed)].reset_index(drop=True)
    pd.testing.assert_frame_equal(world.forecasts(), expected)
    assert world.missed() == missed and unbroken.missed() == []
    with reading(world.at.engine) as conn:
        assert ledger.clock(conn, world.at.settings.model_name) == iso(DAYS[-1])
        assert owed.open_bars(conn) == []


@pytest.mark.slow
def test_late_name__enters_late_and_settles_as_in_an_unbroken_run(unbroken: World, world: World) -> None:
    late = (SAMPLE["ticker"] == TICKERS[0]) & (SAMPLE["session"] == DAYS[0])
    world.evening(0, through(0).drop(SAMPLE.index[late]))
    for number in range(1, 4):
        world.evening(number, through(number))
    pd.testing.assert_frame_equal(world.bars(), unbroken.bars())
    pd.testing.assert_frame_equal(world.outcomes(), unbroken.outcomes())
    expected = unbroken.forecasts()
    absent = (expected["session"] == iso(DAYS[0])) & (expected["ticker"] == TICKERS[0])
    pd.testing.assert_frame_equal(world.forecasts(), expected[~absent].reset_index(drop=True))
    with reading(world.at.engine) as conn:
        (bar,) = owed.settled_bars(conn, "arrived")
    assert bar.key == (TICKERS[0], iso(DAYS[0])) and bar.forecast_missed


@pytest.mark.slow
def test_late_name__of_the_same_evening_still_gets_its_forecast(unbroken: World, world: World) -> None:
    late = (SAMPLE["ticker"] == TICKERS[0]) & (SAMPLE["session"] == DAYS[0])
    world.evening(0, through(0).drop(SAMPLE.index[late]))
    assert world.evening(0, through(0)) == []
    expected = unbroken.forecasts()
    pd.testing.assert_frame_equal(world.forecasts(), expected[expected["session"] <= iso(DAYS[0])])
