"""Names come and go: what is traded when, and under which name."""

from __future__ import annotations

import pandas as pd
import pytest

from evergreen.core.bars.listings import Listing, Listings
from evergreen.errors import BadSetting

DAY = pd.Timestamp
OLD = Listing("FB", DAY("2012-05-18"), DAY("2022-06-08"), "META")
NEW = Listing("META", DAY("2022-06-09"))
GONE = Listing("TWX", last=DAY("2018-06-14"))
LATE = Listing("APTV", DAY("2017-12-05"))
LISTINGS = Listings([OLD, NEW, GONE, LATE])


@pytest.mark.parametrize(
    ("ticker", "session", "reason"),
    [
        ("APTV", "2017-12-04", "APTV is listed from 2017-12-05 on."),
        ("APTV", "2017-12-05", ""),
        ("TWX", "2018-06-14", ""),
        ("TWX", "2018-06-15", "TWX was delisted after 2018-06-14."),
        ("FB", "2022-06-09", "FB was renamed to META after 2022-06-08."),
        ("IBM", "1990-01-02", ""),
    ],
)
def test_absence__says_why_a_name_is_not_traded(ticker: str, session: str, reason: str) -> None:
    assert LISTINGS.absence(ticker, DAY(session)) == reason


def test_between__names_that_are_traded_on_some_session_of_a_span() -> None:
    names = ["FB", "META", "TWX", "APTV", "IBM"]
    assert LISTINGS.between(names, DAY("2016-01-04"), DAY("2016-01-05")) == ["FB", "TWX", "IBM"]
    assert LISTINGS.between(names, DAY("2016-01-04"), DAY("2022-06-09")) == names


def test_outside__marks_bars_of_sessions_before_and_after_a_listing() -> None:
    bars = pd.DataFrame(
        {
            "ticker": ["APTV", "APTV", "FB", "FB", "IBM"],
            "session": pd.DatetimeIndex(["2017-12-04", "2017-12-05", "2022-06-08", "2022-06-09", "1990-01-02"]),
        }
    )
    assert LISTINGS.outside(bars).tolist() == [True, False, False, True, False]


def test_companies__one_history_through_a_renaming_and_back_to_the_names_of_the_day() -> None:
    bars = pd.DataFrame(
        {
            "ticker": ["FB", "FB", "META", "META"],
            "session": pd.DatetimeIndex(["2022-06-07", "2022-06-08", "2022-06-08", "2022-06-09"]),
            "close": [1.0, 2.0, 9.0, 3.0],
        }
    )
    companies = LISTINGS.companies(bars)
    assert companies["ticker"].tolist() == ["META"] * 3 and companies["close"].tolist() == [1.0, 2.0, 3.0]
    assert LISTINGS.names_then(companies["ticker"], companies["session"]).tolist() == ["FB", "FB", "META"]


def test_companies__through_two_renamings() -> None:
    chain = Listings(
        [Listing("A", None, DAY("2010-01-04"), "B"), Listing("B", None, DAY("2015-01-05"), "C"), Listing("C")]
    )
    sessions = pd.Series(pd.DatetimeIndex(["2010-01-04", "2010-01-05", "2015-01-05", "2015-01-06"]))
    assert chain.names_then(pd.Series(["C"] * 4), sessions).tolist() == ["A", "B", "B", "C"]


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([LATE, LATE], "APTV is listed twice"),
        ([Listing("A", DAY("2010-01-05"), DAY("2010-01-04"))], "A is listed from 2010-01-05 to 2010-01-04"),
        ([Listing("A", renamed_to="B"), Listing("B")], "renamed to B, but when is not known"),
        ([Listing("A", None, DAY("2010-01-04"), "B")], "renamed to B, but when is not known"),
        (
            [Listing("A", None, DAY("2010-01-04"), "B"), Listing("B", None, DAY("2011-01-04"), "A")],
            "renamed in a circle",
        ),
    ],
)
def test_listings__that_contradict_themselves_are_refused(entries: list[Listing], complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint):
        Listings(entries)
