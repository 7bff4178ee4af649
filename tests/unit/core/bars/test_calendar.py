from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.core.bars.calendar import Calendar
from evergreen.errors import BadInput, BadSetting

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2000-01-03"), pd.Timestamp("2013-12-31"))


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def test_sessions__leave_out_weekends_and_holidays_and_include_both_ends() -> None:
    week = Calendar("XNYS").sessions(day("2008-11-24"), day("2008-11-28"))
    assert [f"{session:%m-%d}" for session in week] == ["11-24", "11-25", "11-26", "11-28"]
    assert week.dtype == "datetime64[us]"
    assert len(Calendar("XNYS").sessions(day("1990-01-01"), day("1990-01-01"))) == 0


@pytest.mark.parametrize(
    ("session", "close"),
    [
        ("2008-11-28", "2008-11-28 18:00"),  # half day
        ("2008-03-07", "2008-03-07 21:00"),  # last Friday of winter time
        ("2008-03-10", "2008-03-10 20:00"),
    ],
)
def test_session_close__knows_half_days_and_daylight_saving(session: str, close: str) -> None:
    assert Calendar("XNYS").close(day(session)) == pd.Timestamp(close, tz="UTC")


def test_session_closes__keeps_order_and_repeats() -> None:
    days = pd.DatetimeIndex([day("2008-03-10"), day("2008-03-07"), day("2008-03-10")])
    closes = Calendar("XNYS").closes(days)
    assert closes.dtype == "datetime64[us, UTC]"
    assert list(closes) == [Calendar("XNYS").close(session) for session in days]
    assert len(Calendar("XNYS").closes(days[:0])) == 0


@given(st.integers(200, len(DAYS) - 200), st.integers(-150, 150))
def test_next_session__goes_there_and_back(position: int, n: int) -> None:
    session = DAYS[position]
    there = Calendar("XNYS").next(session, n)
    assert there == DAYS[position + n]
    assert Calendar("XNYS").next(there, -n) == session
    assert Calendar("XNYS").between(session, there) == n


def test_next_session__starts_from_any_day() -> None:
    saturday = day("2008-11-29")
    assert Calendar("XNYS").next(saturday) == day("2008-12-01")
    assert Calendar("XNYS").next(saturday, -1) == day("2008-11-28")
    with pytest.raises(BadInput, match="2008-11-29 is not a session of XNYS"):
        Calendar("XNYS").next(saturday, 0)


def test_target_session__is_named_up_to_the_calendars_end() -> None:
    calendar = Calendar("XNYS")
    assert calendar.target_session(day("2008-11-26"), 2) == "2008-12-01"
    assert calendar.target_session(day("2008-11-26"), 100_000) is None


@given(st.integers(1, len(DAYS) - 1))
def test_last_session__changes_at_the_close_and_not_before(position: int) -> None:
    close = Calendar("XNYS").close(DAYS[position])
    assert Calendar("XNYS").last_before(close) == DAYS[position]
    assert Calendar("XNYS").last_before(close - pd.Timedelta("1us")) == DAYS[position - 1]


def test_last_session__refuses_a_time_without_zone() -> None:
    with pytest.raises(BadInput, match="no zone"):
        Calendar("XNYS").last_before(pd.Timestamp("2008-06-30 20:00"))


def test_closed_sessions__run_from_a_bar_of_any_date_to_the_last_close() -> None:
    now = pd.Timestamp("2008-11-28 17:59", tz="UTC")
    days = Calendar("XNYS").closed(day("2008-11-22"), now)
    assert [f"{session:%m-%d}" for session in days] == ["11-24", "11-25", "11-26"]
    assert Calendar("XNYS").closed(day("1887-01-01"), now)[0] == day("1953-01-02")
    assert len(Calendar("XNYS").closed(pd.NaT, now)) > 9_000
    assert list(Calendar("XNYS").closed(day("2024-01-02"), now)) == [day("2008-11-26")]


@pytest.mark.parametrize(
    ("name", "advice"),
    [("zzzzz", "such as XNYS"), ("XLOM", "Near it: XLON"), ("XNSE", "Use XBOM"), ("nse", "Use XBOM")],
)
def test_calendar__of_an_unknown_exchange_names_near_ones(name: str, advice: str) -> None:
    with pytest.raises(BadSetting, match=f"no exchange calendar '{name}'.*{advice}"):
        Calendar(name).sessions(day("2008-01-01"), day("2008-02-01"))


@pytest.mark.parametrize("name", ["xlon", "Xlon", " XLON ", "LSE", "lse"])
def test_calendar__takes_an_exchange_in_any_case(name: str) -> None:
    assert Calendar(name).close(day("2024-06-03")) == pd.Timestamp("2024-06-03 15:30", tz="UTC")


def test_sessions__before_1970_are_those_that_new_york_held() -> None:
    counts = [len(Calendar("XNYS").sessions(day(f"{year}-01-01"), day(f"{year}-12-31"))) for year in (1953, 1962, 1968)]
    assert counts == [251, 252, 226]  # in 1968 it closed on Wednesdays, behind with its paperwork
    assert Calendar("XNYS").next(day("1963-11-22")) == day("1963-11-26")


INDIA = ("2023-11-12 19:15", "2024-03-02", "2024-05-18", "2024-11-01 19:00")


def test_special__sessions_count_and_close_when_they_are_said_to() -> None:
    plain, declared = Calendar("XBOM"), Calendar("XBOM", tuple(day(text).to_pydatetime() for text in INDIA))
    days = pd.DatetimeIndex([day(text).normalize() for text in INDIA])
    assert not plain.sessions(day("2023-01-01"), day("2024-12-31")).isin(days).any()
    assert declared.sessions(day("2023-01-01"), day("2024-12-31")).isin(days).sum() == 4
    closes = declared.closes(days).tz_convert("Asia/Kolkata").strftime("%Y-%m-%d %H:%M")
    assert list(closes) == ["2023-11-12 19:15", "2024-03-02 15:30", "2024-05-18 15:30", "2024-11-01 19:00"]
    assert declared.next(day("2023-11-10")) == day("2023-11-12") and plain.next(day("2023-11-10")) == day("2023-11-13")
    assert declared.between(day("2023-11-10"), day("2023-11-13")) == 2


def test_sessions__outside_what_is_recorded_are_refused_not_invented() -> None:
    assert len(Calendar("XNYS").sessions(day("1975-01-01"), day("1975-12-31"))) == 253
    assert len(Calendar("XTKS").sessions(day("1998-01-01"), day("1998-01-09"))) == 5
    for name, start in (("XNYS", "1952-01-04"), ("XTKS", "1990-01-04")):
        with pytest.raises(BadInput, match=f"{start} is outside the {name} calendar"):
            Calendar(name).sessions(day(start), day("2000-01-01"))


YEARS = Calendar("XNYS").sessions(day("1994-01-03"), day("2025-12-31"))


def test_session_closes__are_at_four_or_one_in_new_york_whatever_the_clocks_do() -> None:
    closes = Calendar("XNYS").closes(YEARS)
    local = closes.tz_convert("America/New_York")
    assert (local.tz_localize(None).normalize() == YEARS).all()
    early = local.hour == 13
    assert set(local.hour) == {13, 16} and 40 < early.sum() < 120
    half = {f"{session:%m-%d}" for session in YEARS[early]}
    assert {"12-24", "07-03"} <= half and all(month in {"07", "11", "12"} for month, _ in (d.split("-") for d in half))


@pytest.mark.parametrize("change", ["2008-03-09", "2008-11-02", "2006-04-02", "2006-10-29"])
def test_session_closes__move_by_an_hour_over_the_weekend_clocks_change(change: str) -> None:
    friday, monday = Calendar("XNYS").next(day(change), -1), Calendar("XNYS").next(day(change))
    apart = Calendar("XNYS").close(monday) - Calendar("XNYS").close(friday)
    assert abs(apart - pd.Timedelta(days=3)) == pd.Timedelta(hours=1)
    assert Calendar("XNYS").between(friday, monday) == 1


def test_last_session__of_a_half_day_is_known_three_hours_earlier() -> None:
    half = day("2008-11-28")
    assert Calendar("XNYS").last_before(pd.Timestamp("2008-11-28 18:00", tz="UTC")) == half
    assert Calendar("XNYS").last_before(pd.Timestamp("2008-11-26 18:00", tz="UTC")) == day("2008-11-25")
    assert Calendar("XNYS").between(day("2008-11-26"), half) == 1  # Thanksgiving is none
    assert Calendar("XNYS").next(half, 5) == day("2008-12-05")


def test_schedule__of_the_daily_flow_starts_after_every_close_in_any_season() -> None:
    import yaml

    from evergreen.workspace import REPOSITORY

    declared = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]
    schedule = next(each for each in declared if each["name"] == "daily")["schedules"][0]
    minute, hour, *_ = schedule["cron"].split()
    starts = YEARS.tz_localize(schedule["timezone"]) + pd.Timedelta(hours=int(hour), minutes=int(minute))
    assert (starts >= Calendar("XNYS").closes(YEARS) + pd.Timedelta(minutes=30)).all()


def test_next_opens__are_those_of_the_next_session_over_a_weekend_and_after_a_special_one() -> None:
    days = pd.DatetimeIndex(["2016-01-08", "2016-01-04"])
    opens = pd.DatetimeIndex(["2016-01-11 14:30", "2016-01-05 14:30"], tz="UTC")
    assert list(Calendar("XNYS").next_opens(days)) == list(opens)
    saturday = Calendar("XNYS", (datetime(2016, 1, 9, 12, 0),))
    assert saturday.next_opens(days[:1])[0] == pd.Timestamp("2016-01-09 14:30", tz="UTC")
    assert saturday.close(pd.Timestamp("2016-01-09")) == pd.Timestamp("2016-01-09 17:00", tz="UTC")
    with pytest.raises(BadInput, match="not a session"):
        Calendar("XNYS").next_opens(pd.DatetimeIndex(["2016-01-09"]))
