from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.core import calendar
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
    asked = pd.DatetimeIndex([day("2008-03-10"), day("2008-03-07"), day("2008-03-10")])
    closes = calendar.session_closes("XNYS", asked)
    assert closes.dtype == "datetime64[us, UTC]"
    assert list(closes) == [calendar.session_close("XNYS", session) for session in asked]
    assert len(calendar.session_closes("XNYS", asked[:0])) == 0


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
    asked = calendar.closed_sessions("XNYS", day("2008-11-22"), now)
    assert [f"{session:%m-%d}" for session in asked] == ["11-24", "11-25", "11-26"]
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
