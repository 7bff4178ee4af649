"""The ledger of owed bars: what enters it, what leaves it, and how long it remembers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.database import owed, reading
from evergreen.adapters.database.owed import OwedBar
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.market import simulate
from evergreen.errors import BadInput, NotFound
from evergreen.market_data.delivery import Delivery, Order
from evergreen.market_data.ingest import ingest
from evergreen.market_data.owed import WINDOW, keep_ledger, late_orders, mark_noticed, write_off
from evergreen.workspace import Workspace

XNYS = Calendar("XNYS")
FIRST = pd.Timestamp("2008-01-02")
DAYS = XNYS.sessions(FIRST, XNYS.next(FIRST, 119))
BARS = simulate(3, DAYS, seed=1)
NAMES = sorted(BARS["ticker"].unique())
CLOCK = 59  # the session processed last, at first


class Shop:
    """A vendor and a home that has its first 60 sessions."""

    def __init__(self, at: Workspace, folder: Path) -> None:
        self.at, self.folder, self.source = at, folder, f"files:{folder}"
        folder.mkdir()
        self.sells(BARS)
        self.buy(0, CLOCK)

    def sells(self, bars: pd.DataFrame) -> None:
        bars.to_parquet(self.folder / "bars.parquet")

    def buy(self, first: int, last: int, history: bool = True) -> Delivery:
        return ingest(self.at, Order(self.source, tuple(NAMES), DAYS[first], DAYS[last], history), evening(last))

    def ledger(self, clock: int, until: int) -> list[tuple[str, str]]:
        left = keep_ledger(self.at, self.source, NAMES, DAYS[clock], DAYS[until], evening(until))
        return [bar.key for bar in left]

    def late(self, clock: int) -> list[tuple[tuple[str, ...], pd.Timestamp]]:
        return [(order.tickers, order.first) for order in late_orders(self.at, self.source, NAMES, DAYS[clock])]


def evening(number: int) -> datetime:
    return (XNYS.close(DAYS[number]) + pd.Timedelta(minutes=30)).to_pydatetime()


def without(ticker: str | None, *numbers: int) -> pd.DataFrame:
    gone = BARS["session"].isin(DAYS[list(numbers)])
    return BARS[~(gone & (BARS["ticker"] == ticker))] if ticker else BARS[~gone]


@pytest.fixture
def shop(home: Workspace, tmp_path: Path) -> Shop:
    return Shop(home, tmp_path / "vendor")


def rows(at: Workspace, settlement: owed.Settlement | None = None) -> list[OwedBar]:
    with reading(at.engine) as conn:
        return owed.open_bars(conn) if settlement is None else owed.settled_bars(conn, settlement)


def test_nothing__is_owed_by_a_vendor_who_has_given_all(shop: Shop) -> None:
    assert shop.ledger(CLOCK, CLOCK) == [] and shop.late(CLOCK) == []


def test_outage__of_thirty_sessions_stays_owed_bar_by_bar(shop: Shop) -> None:
    assert shop.ledger(CLOCK, CLOCK + 30) == [(name, iso(day)) for day in DAYS[60:90] for name in NAMES]
    shop.buy(60, 90)
    assert shop.ledger(90, 90) == []
    assert len(rows(shop.at, "arrived")) == 90


def test_late_name__is_asked_for_however_long_it_takes_and_its_forecast_is_missed(shop: Shop) -> None:
    shop.sells(without(NAMES[0], 60))
    for number in range(60, 62):
        shop.buy(number, number, history=False)
        shop.ledger(number, number)
    shop.buy(62, 60 + WINDOW + 8)
    beyond = 60 + WINDOW + 8
    assert shop.ledger(beyond, beyond) == [(NAMES[0], iso(DAYS[60]))] and shop.late(beyond) == []
    shop.sells(BARS)
    assert shop.late(beyond) == [((NAMES[0],), DAYS[60])]
    ingest(shop.at, late_orders(shop.at, shop.source, NAMES, DAYS[beyond])[0], evening(beyond))
    assert shop.ledger(beyond, beyond) == []
    (settled,) = rows(shop.at, "arrived")
    assert settled.key == (NAMES[0], iso(DAYS[60])) and settled.forecast_missed
    assert settled.since == evening(60) and settled.settled_at == evening(beyond)


def test_forecast__is_missed_once_the_next_session_has_closed_and_not_before(shop: Shop) -> None:
    shop.sells(without(NAMES[0], 60, 61))
    shop.buy(60, 61)
    shop.ledger(60, 60)
    assert [bar.forecast_missed for bar in rows(shop.at)] == [False]
    shop.ledger(61, 61)
    assert [bar.forecast_missed for bar in rows(shop.at)] == [True, False]


def test_refused__bars_are_not_waited_for(shop: Shop) -> None:
    wrong = BARS.copy()
    wrong.loc[(wrong["ticker"] == NAMES[0]) & (wrong["session"] == DAYS[60]), "high"] = 0.01
    shop.sells(without(NAMES[0], 60))
    shop.buy(60, 60, history=False)
    assert shop.ledger(60, 60) == [(NAMES[0], iso(DAYS[60]))]
    shop.sells(wrong)
    ingest(shop.at, late_orders(shop.at, shop.source, NAMES, DAYS[60])[0], evening(60))
    assert shop.ledger(60, 60) == [] and shop.late(60) == []
    assert [bar.settlement for bar in rows(shop.at, "refused")] == ["refused"]


def test_new_name__is_not_owed_for_the_time_before_its_first_bar(shop: Shop) -> None:
    listed = BARS[(BARS["ticker"] != NAMES[0])]
    fresh = BARS[(BARS["ticker"] == NAMES[0]) & (BARS["session"] >= DAYS[65])].assign(ticker="NEW")
    names = [*NAMES[1:], "NEW"]
    shop.sells(pd.concat([listed, fresh]))
    ingest(shop.at, Order(shop.source, tuple(names), DAYS[60], DAYS[66], True), evening(66))
    assert keep_ledger(shop.at, shop.source, names, DAYS[66], DAYS[66], evening(66)) == []


def test_silent_name__is_no_longer_due_after_twenty_sessions(shop: Shop) -> None:
    gone = BARS[(BARS["ticker"] != NAMES[0]) | (BARS["session"] < DAYS[60])]
    shop.sells(gone)
    for number in range(60, 60 + WINDOW + 5):
        shop.buy(number, number)
        shop.ledger(number, number)
    assert [bar.session for bar in rows(shop.at)] == [iso(day) for day in DAYS[60 : 60 + WINDOW]]


def test_write_off__needs_a_reason_and_ends_the_wait(shop: Shop) -> None:
    shop.sells(without(None, 60))
    shop.buy(61, 61)
    assert len(shop.ledger(61, 61)) == len(NAMES)
    with pytest.raises(BadInput, match="reason"):
        write_off(shop.at, iso(DAYS[60]), "", " ", evening(61))
    assert len(write_off(shop.at, iso(DAYS[60]), "", "a day of mourning", evening(61))) == len(NAMES)
    assert shop.ledger(61, 61) == []
    with pytest.raises(NotFound, match="no bar of any ticker is owed"):
        write_off(shop.at, iso(DAYS[60]), "", "again", evening(61))


def test_noticed__is_remembered(shop: Shop) -> None:
    left = keep_ledger(shop.at, shop.source, NAMES, DAYS[CLOCK], DAYS[60], evening(60))
    mark_noticed(shop.at, left)
    assert all(bar.noticed for bar in keep_ledger(shop.at, shop.source, NAMES, DAYS[CLOCK], DAYS[60], evening(60)))


def test_unknown_tickers__are_named_with_near_ones(shop: Shop) -> None:
    shop.sells(BARS.replace({"ticker": {NAMES[0]: "BRK-B"}}))
    requested = ("AMZN", "BRK.B", "TYPO", *NAMES[1:])
    delivery = ingest(shop.at, Order(shop.source, requested, DAYS[60], DAYS[60]), evening(60))
    (message,) = [finding["message"] for finding in delivery.findings if finding["rule"] == "unknown_ticker"]
    assert message == "no bar of AMZN, BRK.B (near it: BRK-B), TYPO came, now or ever: 3 of 5 tickers asked for"


def test_summary__names_some_and_counts_the_rest() -> None:
    bars = [OwedBar(ticker=f"T{n}", session="2008-05-02", source="s", since=evening(0)) for n in range(6)]
    assert owed.summary(bars) == "6 bars of 2008-05-02 owed: T0, T1, T2, T3 and 2 more"
    assert owed.summary([]) == ""
