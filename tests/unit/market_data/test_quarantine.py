"""Bars that are refused, and each of their ways back."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.database import decisions, reading
from evergreen.adapters.database import quarantine as quarantined
from evergreen.adapters.database.quarantine import Case
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.market import simulate
from evergreen.core.quality import Finding
from evergreen.errors import BadInput, Conflict, Refused
from evergreen.market_data import held_case, quarantine
from evergreen.market_data.delivery import Delivery, Order
from evergreen.market_data.ingest import ingest
from evergreen.market_data.repair import corrected
from evergreen.workspace import Workspace
from tests.test_cli import run
from tests.unit.conftest import Vendor

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2008-01-02"), pd.Timestamp("2008-06-30"))
BARS = simulate(2, DAYS, seed=4).assign(factor=1.0)
START = 100  # sessions of history


class Market:
    """A vendor who delivers to a workspace, session by session after a loaded history."""

    def __init__(self, at: Workspace, vendor: Vendor, bars: pd.DataFrame) -> None:
        self.at, self.vendor, self.bars = at, vendor, bars
        self.deliver(0, START - 1, history=True)

    def deliver(self, first: int, last: int, history: bool = False) -> Delivery:
        self.vendor.tells(self.bars)
        order = Order(self.vendor.spec, ("S0", "S1"), DAYS[first], DAYS[last], history)
        return ingest(self.at, order, self.closed(last))

    def closed(self, session: int) -> datetime:
        return Calendar("XNYS").close(DAYS[session]).to_pydatetime() + timedelta(minutes=30)

    def spoil(self, session: int, name: str, value: float) -> float:
        at = (self.bars["ticker"] == "S0") & (self.bars["session"] == DAYS[session])
        right = float(self.bars.loc[at, name].iloc[0])
        self.bars = self.bars.assign(**{name: self.bars[name].mask(at, value)})
        return right

    def stored(self, session: int) -> pd.DataFrame:
        return self.at.bars.as_of(tickers=["S0"], start=DAYS[session], end=DAYS[session])

    def cases(self) -> list[Case]:
        with reading(self.at.engine) as conn:
            return quarantined.unsettled(conn)


@pytest.fixture
def market(home: Workspace, vendor: Vendor) -> Market:
    return Market(home, vendor, BARS)


def test_hold__keeps_the_refused_bar_out_of_the_store_and_on_record(market: Market) -> None:
    market.spoil(START, "high", 0.01)
    for _ in range(2):
        delivery = market.deliver(START, START)
        case = market.cases()[0]
        assert len(market.cases()) == 1 and delivery.cases == (case.id,)
        assert market.stored(START).empty
    assert (case.ticker, case.bars, case.first_session) == ("S0", 1, iso(DAYS[START]))
    assert {finding["rule"] for finding in case.findings} == {"high_not_highest", "low_not_lowest"}
    assert held_case.held_bars(market.at).read(case.id)["high"].item() == 0.01


def test_hold__a_bar_whose_whole_session_is_faulty_names_that_finding(market: Market) -> None:
    bars = BARS[BARS["session"] == DAYS[START]].assign(known_at_assumed=False)
    here, elsewhere = (Finding("faulty_session", "block", "", DAYS[day], "close", 2.0, "half") for day in (START, 3))
    own = Finding("spike", "quarantine", "S0", DAYS[START], "close", 9.0, "S0: close 9 stands clear")
    nothing = market.at.bars.as_of(start=DAYS[START])
    quarantine.hold(market.at, bars, [here, elsewhere, own], nothing, "sample", DAYS[START], market.closed(START))
    named = {
        case.ticker: [(finding["rule"], finding["session"]) for finding in case.findings] for case in market.cases()
    }
    day = here.to_dict()["session"]
    assert named == {"S0": [("faulty_session", day), ("spike", day)], "S1": [("faulty_session", day)]}


def test_release__lets_the_bar_in_with_its_true_arrival_and_a_chained_reason(market: Market) -> None:
    market.spoil(START, "high", 0.01)
    market.deliver(START, START)
    case, now = market.cases()[0], market.closed(START + 1)
    with pytest.raises(BadInput, match="a reason is wanted"):
        quarantine.release(market.at, case.id, " ", now)
    released = quarantine.release(market.at, case.id, "seen on the tape", now)
    assert (released.state, released.reason) == ("released", "seen on the tape")
    bar = market.stored(START).iloc[0]
    assert (bar["high"], bar["known_at"], bar["known_at_assumed"]) == (0.01, pd.Timestamp(now), False)
    with reading(market.at.engine) as conn:
        assert decisions.verify(conn) == []
        assert [decision.summary for decision in decisions.of(conn, case.id)] == [
            "S0: 1 bars released. seen on the tape"
        ]
    with pytest.raises(Conflict, match="was released before"):
        quarantine.release(market.at, case.id, "again", now)


def test_repair__must_itself_pass_and_tells_what_went_in(market: Market) -> None:
    right = market.spoil(START, "high", 0.01)
    market.deliver(START, START)
    case, now = market.cases()[0], market.closed(START)
    bar = pd.DataFrame({"session": [DAYS[START]], "high": [0.02]})
    numbers = held_case.held_bars(market.at).read(case.id)[["session", "open", "low", "close", "volume", "factor"]]
    with pytest.raises(Refused, match="still wrong"):
        quarantine.repair(market.at, case.id, numbers.merge(bar), "guess", now)
    for value in ("nan", "inf", "-inf"):
        with pytest.raises(BadInput, match="gives no number"):
            corrected(market.at, case.id, [f"{DAYS[START]:%Y-%m-%d}.high={value}"], None)
    quarantine.repair(market.at, case.id, numbers.merge(bar.assign(high=right)), "a digit was lost", now)
    assert market.stored(START)["high"].item() == right
    with reading(market.at.engine) as conn:
        assert decisions.of(conn, case.id)[0].evidence["bars"][0]["high"] == right


def test_discard__closes_the_case_and_keeps_the_bar_out(market: Market) -> None:
    market.spoil(START, "high", 0.01)
    market.deliver(START, START)
    assert (
        quarantine.discard(market.at, market.cases()[0].id, "no such trade", market.closed(START)).state == "discarded"
    )
    market.deliver(START, START)
    assert market.cases() == [] and market.stored(START).empty
    with reading(market.at.engine) as conn:
        closed = quarantined.cases(conn)[0]
    with pytest.raises(Conflict, match="was discarded before: no such trade"):
        quarantine.release(market.at, closed.id, "after all", market.closed(START))
    assert market.stored(START).empty


def test_revalidate__a_delivery_of_better_bars_settles_the_case(market: Market) -> None:
    right = market.spoil(START, "high", 0.01)
    market.deliver(START, START)
    case = market.cases()[0]
    market.deliver(START + 1, START + 1)
    assert market.cases() == [case]
    market.spoil(START, "high", right)
    market.deliver(START, START + 2, history=True)
    assert market.cases() == [] and market.stored(START)["high"].item() == right
    with reading(market.at.engine) as conn:
        assert quarantined.find(conn, case.id).state == "restated"


def test_revalidate__a_bad_restatement_waits_while_the_stored_bar_stands(market: Market) -> None:
    right = market.spoil(START - 5, "high", 0.01)
    market.deliver(START - 5, START, history=True)
    assert market.stored(START - 5)["high"].item() == right
    assert [case.bars for case in market.cases()] == [len(held_case.outstanding(market.at, market.cases()[0]))]


def test_revalidate__a_later_session_costs_the_same_however_many_cases_are_open(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.spoil(START, "high", 0.01)
    market.deliver(START, START)
    monkeypatch.setattr(quarantine, "outstanding", None)  # reads the case and the bars beside it
    market.deliver(START + 1, START + 1)


def test_revalidate__a_delivery_reads_nothing_of_the_cases_that_it_opens(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.spoil(START, "high", 0.01)
    monkeypatch.setattr(quarantine, "outstanding", None)
    delivery = market.deliver(START, START + 1, history=True)
    assert delivery.cases == tuple(case.id for case in market.cases()) != ()
    assert len(market.cases()) == 1


def split(market: Market) -> None:
    """Four new shares for an old one at `START`, which the factor does not tell."""
    late = (market.bars["ticker"] == "S0") & (market.bars["session"] >= DAYS[START])
    prices = {name: market.bars[name].mask(late, market.bars[name] / 4) for name in ("open", "high", "low", "close")}
    market.bars = market.bars.assign(**prices, volume=market.bars["volume"].mask(late, market.bars["volume"] * 4))
    for session in (START, START + 1, START + 2):
        market.deliver(session, session)
    assert [case.findings[0]["rule"] for case in market.cases()] == ["unadjusted_split"] * 3


def test_revalidate__what_follows_a_released_bar_is_let_in_with_it(market: Market) -> None:
    split(market)
    first, second, third = market.cases()
    now = market.closed(START + 2) + timedelta(minutes=1)
    quarantine.release(market.at, first.id, "four for one, the factor comes later", now)
    assert market.cases() == [] and len(market.stored(START + 2)) == 1
    with reading(market.at.engine) as conn:
        assert {quarantined.find(conn, case.id).state for case in (second, third)} == {"restated"}


def test_revalidate__a_forgotten_split_is_let_in_once_the_vendor_tells_it(market: Market) -> None:
    split(market)
    early = (market.bars["ticker"] == "S0") & (market.bars["session"] < DAYS[START])
    market.bars = market.bars.assign(factor=market.bars["factor"].mask(early, 0.25))
    before = market.at.bars.as_of(end=DAYS[START - 1])
    assert market.deliver(0, START + 3, history=True).restated == 0
    assert market.cases() == []
    pd.testing.assert_frame_equal(market.at.bars.as_of(end=DAYS[START - 1]), before)
    assert market.stored(START)["factor"].item() == 4.0


def test_second_source__that_tells_a_close_differently_sends_the_bar_to_quarantine(
    market: Market, tmp_path_factory: pytest.TempPathFactory
) -> None:
    second_source = Vendor(tmp_path_factory.mktemp("second_source") / "bars")
    second_source.tells(BARS)
    close = market.spoil(START, "close", 0.0)
    market.spoil(START, "close", close * 1.015)
    market.spoil(START, "high", close * 1.02)
    market.vendor.tells(market.bars)
    order = Order(market.vendor.spec, ("S0", "S1"), DAYS[START], DAYS[START], second_source=second_source.spec)
    delivery = ingest(market.at, order, market.closed(START))
    assert [finding["rule"] for finding in delivery.findings] == ["second_source_disagrees"]
    assert (delivery.added, delivery.refused) == (1, 1) and market.stored(START).empty
    absent = Order(market.vendor.spec, ("S1",), DAYS[START + 1], DAYS[START + 1], second_source="files:/nowhere")
    delivery = ingest(market.at, absent, market.closed(START + 1))
    assert (delivery.added, delivery.findings[0]["rule"]) == (1, "second_source_absent")


def test_command_line__shows_a_case_with_its_picture_and_lets_it_go(market: Market, tmp_path: Path) -> None:
    right = market.spoil(START, "high", 0.01)
    market.deliver(START, START)
    case = market.cases()[0].id
    home = {"EVERGREEN_HOME": str(market.at.settings.home), "EVERGREEN_CLOCK": "replay"}
    assert run("quarantine", "list", cwd=tmp_path, **home).stdout.startswith(f"{case}  held      S0")
    shown = run("quarantine", "show", case, cwd=tmp_path, **home).stdout
    assert "high_not_highest" in shown and shown.count("  refused\n") == 1
    picture = Path(shown.splitlines()[-1].removeprefix("picture: "))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "--reason" in run("quarantine", "release", case, cwd=tmp_path, **home).stderr
    change = f"{iso(DAYS[START])}.high={right}"
    process = run("quarantine", "repair", case, "--set", change, "--reason", "a digit was lost", cwd=tmp_path, **home)
    assert "repaired" in process.stdout and market.stored(START)["high"].item() == right
    assert run("audit", cwd=tmp_path, **home).stdout.startswith("the decision log is whole: ")
