from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.core.bars import calendar
from evergreen.errors import BadInput, BadSetting

DAYS = calendar.sessions("XNYS", pd.Timestamp("2000-01-03"), pd.Timestamp("2013-12-31"))


def day(text: str) -> pd.Timestamp:
    return pd.Timestamp(text)


def test_sessions__leave_out_weekends_and_holidays_and_include_both_ends() -> None:
    week = calendar.sessions("XNYS", day("2008-11-24"), day("2008-11-28"))
    assert [f"{session:%m-%d}" for session in week] == ["11-24", "11-25", "11-26", "11-28"]
    assert week.dtype == "datetime64[us]"
    assert len(calendar.sessions("XNYS", day("1990-01-01"), day("1990-01-01"))) == 0


@pytest.mark.parametrize(
    ("session", "close"),
    [
        ("2008-11-28", "2008-11-28 18:00"),  # half day
        ("2008-03-07", "2008-03-07 21:00"),  # last Friday of winter time
        ("2008-03-10", "2008-03-10 20:00"),
    ],
)
def test_session_close__knows_half_days_and_daylight_saving(session: str, close: str) -> None:
    assert calendar.session_close("XNYS", day(session)) == pd.Timestamp(close, tz="UTC")


def test_session_closes__keeps_order_and_repeats() -> None:
    days = pd.DatetimeIndex([day("2008-03-10"), day("2008-03-07"), day("2008-03-10")])
    closes = calendar.session_closes("XNYS", days)
    assert closes.dtype == "datetime64[us, UTC]"
    assert list(closes) == [calendar.session_close("XNYS", session) for session in days]
    assert len(calendar.session_closes("XNYS", days[:0])) == 0


@given(st.integers(200, len(DAYS) - 200), st.integers(-150, 150))
def test_next_session__goes_there_and_back(position: int, n: int) -> None:
    session = DAYS[position]
    there = calendar.next_session("XNYS", session, n)
    assert there == DAYS[position + n]
    assert calendar.next_session("XNYS", there, -n) == session
    assert calendar.sessions_between("XNYS", session, there) == n


def test_next_session__starts_from_any_day() -> None:
    saturday = day("2008-11-29")
    assert calendar.next_session("XNYS", saturday) == day("2008-12-01")
    assert calendar.next_session("XNYS", saturday, -1) == day("2008-11-28")
    with pytest.raises(BadInput, match="2008-11-29 is not a session of XNYS"):
        calendar.next_session("XNYS", saturday, 0)


@given(st.integers(1, len(DAYS) - 1))
def test_last_session__changes_at_the_close_and_not_before(position: int) -> None:
    close = calendar.session_close("XNYS", DAYS[position])
    assert calendar.last_session("XNYS", close) == DAYS[position]
    assert calendar.last_session("XNYS", close - pd.Timedelta("1us")) == DAYS[position - 1]


def test_last_session__refuses_a_time_without_zone() -> None:
    with pytest.raises(BadInput, match="no zone"):
        calendar.last_session("XNYS", pd.Timestamp("2008-06-30 20:00"))


def test_closed_sessions__run_from_a_bar_of_any_date_to_the_last_close() -> None:
    now = pd.Timestamp("2008-11-28 17:59", tz="UTC")
    days = calendar.closed_sessions("XNYS", day("2008-11-22"), now)
    assert [f"{session:%m-%d}" for session in days] == ["11-24", "11-25", "11-26"]
    assert calendar.closed_sessions("XNYS", day("1887-01-01"), now)[0] == day("1970-01-02")
    assert len(calendar.closed_sessions("XNYS", pd.NaT, now)) > 9_000
    assert list(calendar.closed_sessions("XNYS", day("2024-01-02"), now)) == [day("2008-11-26")]


def test_sessions__of_an_unknown_exchange_say_so() -> None:
    with pytest.raises(BadSetting, match="no exchange calendar 'NOPE'"):
        calendar.sessions("NOPE", day("2008-01-01"), day("2008-02-01"))


def test_sessions__outside_what_is_recorded_are_refused_not_invented() -> None:
    assert len(calendar.sessions("XNYS", day("1975-01-01"), day("1975-12-31"))) == 253
    assert len(calendar.sessions("XTKS", day("1998-01-01"), day("1998-01-09"))) == 5
    for name, start in (("XNYS", "1965-01-04"), ("XTKS", "1990-01-04")):
        with pytest.raises(BadInput, match=f"{start} is outside the {name} calendar"):
            calendar.sessions(name, day(start), day("2000-01-01"))


YEARS = calendar.sessions("XNYS", day("1994-01-03"), day("2025-12-31"))


def test_session_closes__are_at_four_or_one_in_new_york_whatever_the_clocks_do() -> None:
    closes = calendar.session_closes("XNYS", YEARS)
    local = closes.tz_convert("America/New_York")
    assert (local.tz_localize(None).normalize() == YEARS).all()
    early = local.hour == 13
    assert set(local.hour) == {13, 16} and 40 < early.sum() < 120
    half = {f"{session:%m-%d}" for session in YEARS[early]}
    assert {"12-24", "07-03"} <= half and all(month in {"07", "11", "12"} for month, _ in (d.split("-") for d in half))


@pytest.mark.parametrize("change", ["2008-03-09", "2008-11-02", "2006-04-02", "2006-10-29"])
def test_session_closes__move_by_an_hour_over_the_weekend_clocks_change(change: str) -> None:
    friday, monday = calendar.next_session("XNYS", day(change), -1), calendar.next_session("XNYS", day(change))
    apart = calendar.session_close("XNYS", monday) - calendar.session_close("XNYS", friday)
    assert abs(apart - pd.Timedelta(days=3)) == pd.Timedelta(hours=1)
    assert calendar.sessions_between("XNYS", friday, monday) == 1


def test_last_session__of_a_half_day_is_known_three_hours_earlier() -> None:
    half = day("2008-11-28")
    assert calendar.last_session("XNYS", pd.Timestamp("2008-11-28 18:00", tz="UTC")) == half
    assert calendar.last_session("XNYS", pd.Timestamp("2008-11-26 18:00", tz="UTC")) == day("2008-11-25")
    assert calendar.sessions_between("XNYS", day("2008-11-26"), half) == 1  # Thanksgiving is none
    assert calendar.next_session("XNYS", half, 5) == day("2008-12-05")


def test_schedule__of_the_daily_flow_starts_after_every_close_in_any_season() -> None:
    import yaml

    from evergreen.workspace import REPOSITORY

    declared = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]
    schedule = next(each for each in declared if each["name"] == "daily")["schedules"][0]
    minute, hour, *_ = schedule["cron"].split()
    starts = YEARS.tz_localize(schedule["timezone"]) + pd.Timedelta(hours=int(hour), minutes=int(minute))
    assert (starts >= calendar.session_closes("XNYS", YEARS) + pd.Timedelta(minutes=30)).all()
