"""Files of forecasts made elsewhere: what counts, what is late, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.core.model.deliveries import NOTHING, parse_delivery, sift
from evergreen.errors import BadInput

CALENDAR = Calendar("XNYS")
DAYS = CALENDAR.sessions(pd.Timestamp("2016-01-04"), pd.Timestamp("2016-01-08"))
BARS = pd.MultiIndex.from_product([["AAPL", "IBM"], DAYS], names=["ticker", "session"])
DEADLINES = pd.Series(CALENDAR.next_opens(DAYS), index=DAYS)
EVENING = "2016-01-04T21:30:00Z"


def _table(**changes: object) -> pd.DataFrame:
    row = {"ticker": "AAPL", "session": "2016-01-04", "forecast": "0.01", "known_at": EVENING}
    return pd.DataFrame([row | changes])


def _sift(*tables: pd.DataFrame, seen_at: str | None = None):
    delivery = parse_delivery(pd.concat(tables, ignore_index=True), "mine.csv")
    return sift(delivery, BARS, DEADLINES, pd.Timestamp(seen_at) if seen_at else None)


@pytest.mark.parametrize(
    ("known_at", "counts"),
    [
        ("2016-01-01T00:00:00Z", True),
        ("2016-01-05T09:29:59-05:00", True),
        ("2016-01-05T14:30:00Z", False),  # the next session opens in New York
        ("2016-01-05T20:59:00Z", False),
    ],
)
def test_sift__a_forecast_counts_if_known_before_the_next_session_opens(known_at: str, counts: bool) -> None:
    arrivals = _sift(_table(known_at=known_at))
    assert (len(arrivals.in_time), arrivals.late) == ((1, 0) if counts else (0, 1))


def test_sift__in_a_session_lived_through_nothing_was_known_before_it_was_seen() -> None:
    early = _table(known_at="2016-01-01T00:00:00Z")
    assert len(_sift(early, seen_at="2016-01-05T14:29:00Z").in_time) == 1
    assert _sift(early, seen_at="2016-01-05T14:30:00Z").late == 1
    promised = _table(known_at="2016-01-05T20:00:00Z")
    assert _sift(promised, seen_at=EVENING).late == 1


def test_sift__each_row_is_counted_once_and_what_is_missing_from_the_first_on() -> None:
    arrivals = _sift(
        _table(session="2016-01-05", known_at="2016-01-05T21:30:00Z"),
        _table(session="2016-01-06", known_at="2016-01-08T21:30:00Z"),
        _table(session="2016-01-07", forecast="nan"),
        _table(session="2016-01-08", forecast="-inf"),
        _table(session="2016-01-09", forecast="1"),
        _table(session="2031-01-06"),
        _table(ticker="ZZZZ"),
        _table(ticker="IBM", forecast="much"),
    )
    counts = (len(arrivals.in_time), arrivals.late, arrivals.without_bar, arrivals.not_finite)
    assert (counts, arrivals.missing, arrivals.expected) == ((1, 1, 3, 3), 7, 8)
    assert arrivals.sentence.startswith("1 forecasts in time, 1 late, 3 of no bar here, 3 without a number; 7 of 8")


def test_sift__nothing_delivered_is_all_missing() -> None:
    arrivals = sift(NOTHING, BARS, DEADLINES, pd.Timestamp(EVENING))
    assert (len(arrivals.in_time), arrivals.missing, arrivals.expected) == (0, 10, 10)


def test_parse__typed_columns_of_parquet_and_text_of_csv_are_alike() -> None:
    typed = pd.DataFrame(
        {
            "known_at": pd.to_datetime([EVENING]),
            "forecast": np.array([0.01]),
            "session": pd.to_datetime(["2016-01-04"]),
            "ticker": ["AAPL"],
            "note": ["left out"],
        }
    )
    pd.testing.assert_frame_equal(parse_delivery(typed, "a"), parse_delivery(_table(), "b"))
    assert parse_delivery(typed, "a")["forecast"].item() == np.float32(0.01)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (_table().drop(columns="known_at"), "mine.csv lacks known_at"),
        (_table().iloc[:0], "mine.csv holds no forecast"),
        (_table(known_at="2016-01-04T21:30:00"), "known_at '2016-01-04T21:30:00' in row 1 of mine.csv is no time with"),
        (_table(known_at=pd.Timestamp("2016-01-04")), "known_at '2016-01-04 00:00:00' in row 1 .* no time with a zone"),
        (_table(known_at=""), "known_at '' in row 1"),
        (_table(session="04.01.2016"), "session '04.01.2016' in row 1 of mine.csv is no date"),
        (_table(session="2016-01-04T00:00:00Z"), "is no date"),
        (pd.concat([_table(), _table(forecast="0.02")]), "two forecasts of AAPL for 2016-01-04"),
        (_table(forecast="101.35"), "are no log returns"),
        (pd.concat([_table(), _table()[["forecast"]]], axis=1), "mine.csv has more than one column forecast"),
    ],
)
def test_parse__what_is_no_delivery_is_one_sentence(table: pd.DataFrame, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        parse_delivery(table, "mine.csv")


@pytest.mark.filterwarnings("error")
def test_parse__forecasts_that_are_no_numbers_are_no_prices_either() -> None:
    assert parse_delivery(_table(forecast="NaN"), "mine.csv")["forecast"].isna().all()
