"""Every class of defect, injected where nothing else is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.faults import NAMED, WHOLE_TICKERS, marked_by, recall, refused_for_nothing, untouched
from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import FAULTS, HARMLESS, restate, simulate, spoil, with_corporate_actions, with_listings
from evergreen.core.quality import check, screen
from evergreen.errors import BadInput

BARS = simulate(40, 500, seed=3)
DAYS = Calendar("XNYS").sessions(BARS["session"].min(), BARS["session"].max())


@pytest.mark.parametrize("kind", FAULTS)
def test_screen__finds_the_injected_defect_and_accuses_no_other_bar(kind: str) -> None:
    spoiled = spoil(BARS, kind, seed=8, count=4 if kind in WHOLE_TICKERS else 40)
    screening = screen(spoiled.bars, DAYS)
    seen, injected = recall(spoiled.truth, marked_by(screening, NAMED[kind]))
    assert injected > 0 and seen >= 0.95 * injected
    assert untouched(spoiled, screening) == 0


@pytest.mark.parametrize("kind", HARMLESS)
def test_screen__refuses_nothing_for_what_is_no_fault(kind: str) -> None:
    spoiled = spoil(BARS, kind, seed=8, count=40)
    assert refused_for_nothing(spoiled, screen(spoiled.bars, DAYS)) == (0, 40)


def test_spoil__gives_equal_faults_for_equal_seeds_and_refuses_unknown_ones() -> None:
    one, two = (spoil(BARS, "spike", seed=1, count=3) for _ in range(2))
    pd.testing.assert_frame_equal(one.bars, two.bars)
    with pytest.raises(BadInput, match="no fault 'gremlin'"):
        spoil(BARS, "gremlin", seed=1)
    with pytest.raises(BadInput, match="no ticker with over 120 bars"):
        spoil(BARS.head(100), "spike", seed=1)


def test_restate__changes_closes_that_no_rule_can_tell() -> None:
    restated = restate(BARS, seed=2, count=20)
    changed = restated.bars["close"] != BARS["close"]
    assert changed.sum() == 20 and len(restated.truth) == 20
    assert check(restated.bars, DAYS) == []


def test_with_corporate_actions__raw_prices_times_factor_are_the_prices_before() -> None:
    quoted = with_corporate_actions(BARS, seed=4, splits_a_decade=5.0)
    np.testing.assert_allclose(quoted["close"] * quoted["factor"], BARS["close"])
    assert (quoted.groupby("ticker")["factor"].last() == 1.0).all()
    assert not np.allclose(quoted["close"], BARS["close"])
    assert check(quoted, DAYS) == []
    split = check(quoted.assign(factor=1.0), DAYS)
    assert "unadjusted_split" in {finding.rule for finding in split}


def test_with_listings__tickers_come_and_go_without_gaps() -> None:
    some = with_listings(BARS, seed=5, listed=0.5, delisted=0.5)
    assert len(some) < len(BARS)
    assert not [finding for finding in check(some, DAYS) if finding.rule == "missing_sessions"]


def crash(before: float, opened: float, closed: float, crowd: float) -> pd.DataFrame:
    """Thirty quiet sessions, then one that opens and closes far below, with `crowd` times the usual shares."""
    days = DAYS[:31]
    close = np.r_[before * np.exp(np.tile([0.01, -0.01], 15)), closed]
    opening = np.r_[close[:-1] * 1.002, opened]
    volume = np.r_[np.full(30, 1e6), 1e6 * crowd]
    high, low = np.maximum(opening, close) * 1.01, np.minimum(opening, close) * 0.99
    return pd.DataFrame(
        {"ticker": "X", "session": days, "open": opening, "high": high, "low": low, "close": close, "volume": volume}
    )


def test_check__tells_a_crash_that_halves_the_price_from_a_split_by_the_crowd() -> None:
    bankrupt = crash(17.6, 9.0, 8.4, crowd=12.0)  # the shape of PCG on 2019-01-14: half gone, a dozen times the shares
    assert check(bankrupt, DAYS[:31]) == []
    split = crash(17.6, 8.85, 8.8, crowd=2.0)
    assert [finding.rule for finding in check(split, DAYS[:31])] == ["unadjusted_split"]
    spun_off = crash(65.0, 28.0, 28.5, crowd=3.0)
    assert [finding.rule for finding in check(spun_off, DAYS[:31])] == ["unexplained_jump"]


def test_check__a_special_session_of_the_exchange_is_no_fault_of_the_bars() -> None:
    unknown = DAYS.delete(200)
    assert {finding.rule for finding in check(BARS, unknown)} == {"special_session"}
    shifted = BARS.assign(session=BARS["session"] + pd.Timedelta(days=1))
    broken = {finding.rule for finding in check(shifted, DAYS)}
    assert "shifted_dates" in broken and "special_session" not in broken


def test_check__misses_the_tickers_that_were_asked_for_and_did_not_come() -> None:
    past, today = BARS[BARS["session"] < DAYS[-1]], BARS[BARS["session"] == DAYS[-1]]
    universe = frozenset(BARS["ticker"].unique())
    for share, rule in ((0.75, "thin_coverage"), (0.25, "low_coverage")):
        came = today.iloc[: int(share * len(today))]
        findings = check(came, DAYS[-1:], history=past.tail(15_000), universe=universe)
        assert [finding.rule for finding in findings] == [rule]
        assert check(came, DAYS[-1:], history=past.tail(15_000)) == []
