"""What is broken on purpose is broken from its session on, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evergreen.core.market import simulate
from evergreen.errors import BadSetting
from evergreen.replay.breaks import BARS, SERVING, break_bars, break_labels, parse_break

SINCE = pd.Timestamp("2001-03-01")


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    return simulate(5, 400, seed=2).sort_values(["ticker", "session"], ignore_index=True)


def moves(bars: pd.DataFrame) -> pd.Series:
    """Log returns of the adjusted close by ticker and session."""
    price = (bars["close"] * bars["factor"]).set_axis(pd.MultiIndex.from_frame(bars[["ticker", "session"]]))
    return price.groupby(level="ticker").transform(lambda each: np.log(each).diff()).dropna()


@pytest.mark.parametrize("kind", [*BARS[:2], "regime:2000"])
def test_break_bars__leaves_what_was_before(market: pd.DataFrame, kind: str) -> None:
    broken = break_bars(market, parse_break(f"{kind}@2001-03-01"), seed=1)
    before = [each[each["session"] < SINCE].reset_index(drop=True) for each in (market, broken)]
    pd.testing.assert_frame_equal(*before)
    assert not broken.reset_index(drop=True).equals(market)


def test_break_bars__a_doubled_spread_doubles_each_move(market: pd.DataFrame) -> None:
    broken = break_bars(market, parse_break("spread@2001-03-01"), seed=1)
    since = moves(market).index.get_level_values("session") >= SINCE
    assert np.allclose(moves(broken)[since], 2 * moves(market)[since], atol=1e-9)
    assert (broken["high"] >= broken[["open", "close", "low"]].max(axis=1) - 1e-9).all()


def test_break_bars__a_regime_repeats_the_moves_of_its_year(market: pd.DataFrame) -> None:
    broken = moves(break_bars(market, parse_break("regime:2000@2001-03-01"), seed=1)).unstack("ticker")
    given = moves(market).unstack("ticker")
    first = given.loc["2000"].iloc[:40].to_numpy()
    days = market["session"].drop_duplicates().sort_values()
    offset = len(days[days.dt.year == 2000]) - len(given.loc["2000"])
    assert np.allclose(broken.loc[SINCE:].iloc[offset : offset + 40].to_numpy(), first, atol=1e-9)


def test_break_bars__a_vendors_fault_loses_tickers_for_a_while(market: pd.DataFrame) -> None:
    counts = break_bars(market, parse_break("vendor_fault@2001-03-01"), seed=1).groupby("session").size()
    lacking = counts[counts < 5]
    assert (lacking.index.min(), len(lacking)) == (SINCE, 20)


def test_break_labels__turns_the_sign_from_its_session_on() -> None:
    days = pd.DatetimeIndex(["2001-02-28", "2001-03-01"])
    assert break_labels(np.array([0.1, 0.2]), days, parse_break("sign_flip@2001-03-01")).tolist() == [0.1, -0.2]


def test_serving_faults__change_what_a_challenger_sees() -> None:
    rng = np.random.default_rng(1)
    served, before = rng.normal(size=(2, 8, 3)).astype(np.float32)
    assert sorted(SERVING["shuffled"](served, before, rng)[:, 0]) == sorted(served[:, 0])
    assert (SERVING["shuffled"](served, before, rng) != served).all()
    assert SERVING["late"](served, before, rng) is before
    assert not SERVING["zeroed"](served, before, rng).any()
    assert np.array_equal(SERVING["scaled"](served, before, rng), served * np.float32(10))


@pytest.mark.parametrize(
    "text", ["shuffled", "unheard@2001-03-01", "spread@soon", "regime@2001-03-01", "late:7@2001-03-01"]
)
def test_parse_break__anything_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(BadSetting, match="cannot be read"):
        parse_break(text)
