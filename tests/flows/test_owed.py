"""What has not arrived stays owed: asked for again, taken in order, never passed over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.database import ledger, owed, reading
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.market import simulate
from evergreen.errors import UnreadableFile
from evergreen.workspace import Workspace
from tests.conftest import enter

CALENDAR = Calendar("XNYS")
FIRST = pd.Timestamp("2008-01-02")
DAYS = CALENDAR.sessions(FIRST, CALENDAR.next(FIRST, 89))
LOADED = 80
BARS = simulate(3, DAYS, seed=4)
NAMES = sorted(BARS["ticker"].unique())


class Vendor:
    """A folder of bars with which a home is filled up to session `LOADED`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source = folder, f"files:{folder}"
        folder.mkdir()

    def has(self, bars: pd.DataFrame) -> None:
        bars.to_parquet(self.folder / "bars.parquet")


def through(number: int) -> pd.DataFrame:
    return BARS[BARS["session"] <= DAYS[number]]


@pytest.fixture
def vendor(prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    from flows.backfill import backfill

    vendor = Vendor(tmp_path / "vendor")
    monkeypatch.setenv("EVERGREEN_MARKET_SOURCE", vendor.source)
    monkeypatch.setenv("EVERGREEN_MARKET_TICKERS", ",".join(NAMES))
    enter(tmp_path / "home", monkeypatch)
    vendor.has(through(LOADED - 1))
    backfill(start=iso(FIRST), as_of=iso(DAYS[LOADED - 1]))
    return vendor


def clock() -> str | None:
    from evergreen.workspace import workspace

    with reading(workspace().engine) as conn:
        return ledger.clock(conn, workspace().settings.model_name)


def stored(at: Workspace) -> pd.DataFrame:
    return at.bars.as_of().set_index(["ticker", "session"]).sort_index()


def test_outage__sessions_without_bars_stay_owed_and_are_walked_in_order_once_they_come(vendor: Vendor) -> None:
    from evergreen.workspace import workspace
    from flows.daily import daily

    until = iso(DAYS[LOADED + 4])
    assert daily(as_of=until) == [] and clock() == iso(DAYS[LOADED - 1])
    vendor.has(through(LOADED + 4))
    assert daily(as_of=until) == [iso(day) for day in DAYS[LOADED : LOADED + 5]] and clock() == until
    assert len(stored(workspace())) == len(through(LOADED + 4))


def test_late_name__enters_with_its_true_arrival_and_features(vendor: Vendor) -> None:
    from evergreen.workspace import workspace
    from flows.daily import daily

    late = (BARS["ticker"] == NAMES[0]) & (BARS["session"] == DAYS[LOADED])
    vendor.has(through(LOADED).drop(BARS.index[late]))
    daily(as_of=iso(DAYS[LOADED]))
    assert (NAMES[0], DAYS[LOADED]) not in stored(workspace()).index
    vendor.has(through(LOADED + 1))
    daily(as_of=iso(DAYS[LOADED + 1]))
    rows = stored(workspace())
    assert len(rows) == len(through(LOADED + 1))
    assert rows.loc[(NAMES[0], DAYS[LOADED]), "known_at"] > CALENDAR.close(DAYS[LOADED + 1])
    assert rows.loc[(NAMES[1], DAYS[LOADED]), "known_at"] < CALENDAR.close(DAYS[LOADED + 1])


def test_hole__a_session_that_comes_after_its_follower_enters_late(vendor: Vendor) -> None:
    from evergreen.workspace import workspace
    from flows.daily import daily

    hole = BARS["session"] == DAYS[LOADED]
    vendor.has(through(LOADED + 1).drop(BARS.index[hole]))
    assert daily(as_of=iso(DAYS[LOADED + 1])) == [iso(DAYS[LOADED + 1])]
    vendor.has(through(LOADED + 2))
    daily(as_of=iso(DAYS[LOADED + 2]))
    assert len(stored(workspace())) == len(through(LOADED + 2))


def test_backfill__again_moves_no_clock_past_sessions_that_were_not_walked(vendor: Vendor) -> None:
    from flows.backfill import backfill
    from flows.daily import daily

    vendor.has(BARS)
    backfill(start=iso(FIRST), as_of=iso(DAYS[-1]))
    assert clock() == iso(DAYS[LOADED - 1])
    assert daily(as_of=iso(DAYS[LOADED + 1])) == [iso(day) for day in DAYS[LOADED : LOADED + 2]]


def test_score_universe__a_forecast_is_missed_once_the_next_session_has_closed(vendor: Vendor) -> None:
    from tasks.forecasts import score_universe

    close = CALENDAR.close(DAYS[1]).to_pydatetime()
    assert not score_universe.fn(pd.DataFrame(), DAYS[0], close)
    assert score_universe.fn(pd.DataFrame(), DAYS[0], close - timedelta(seconds=1))


def test_delivery__that_cannot_be_read_is_owed_and_walked_once_it_is_right(vendor: Vendor) -> None:
    from evergreen.workspace import workspace
    from flows.daily import daily

    (vendor.folder / "bars.parquet").write_text("<html>busy</html>")
    with pytest.raises(UnreadableFile):
        daily(as_of=iso(DAYS[LOADED]))
    with reading(workspace().engine) as conn:
        assert [bar.key for bar in owed.open_bars(conn)] == [(name, iso(DAYS[LOADED])) for name in NAMES]
    vendor.has(through(LOADED))
    assert daily(as_of=iso(DAYS[LOADED])) == [iso(DAYS[LOADED])]
    with reading(workspace().engine) as conn:
        assert owed.open_bars(conn) == []


def test_hole__a_session_that_comes_after_its_follower_is_profiled_for_the_drift_checks(vendor: Vendor) -> None:
    from evergreen.adapters import monitoring
    from evergreen.workspace import workspace
    from flows.daily import daily

    vendor.has(through(LOADED + 1).drop(BARS.index[BARS["session"] == DAYS[LOADED]]))
    daily(as_of=iso(DAYS[LOADED + 1]))
    profile = monitoring.profile_path(workspace().settings.profiles, DAYS[LOADED])
    assert not profile.exists()
    vendor.has(through(LOADED + 2))
    daily(as_of=iso(DAYS[LOADED + 2]))
    assert profile.exists()


def test_notice__is_sent_once_bars_are_owed_for_some_sessions_and_not_again(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tasks.bars
    from flows.daily import daily

    notices: list[str] = []
    monkeypatch.setattr(tasks.bars, "notify", lambda subject, body: notices.append(body) or True)
    monkeypatch.setenv("EVERGREEN_MARKET_NOTICE_AFTER", "2")
    daily(as_of=iso(DAYS[LOADED]))
    assert notices == []
    daily(as_of=iso(DAYS[LOADED + 1]))
    (sentence,) = notices
    assert f"3 bars of {iso(DAYS[LOADED])} owed" in sentence
    daily(as_of=iso(DAYS[LOADED + 1]))
    assert len(notices) == 1
