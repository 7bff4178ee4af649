"""alpha158 against Qlib's own output, against its declared formulas, and against time itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.core.features import FACTORS, FEATURE_NAMES, LOOKBACK, alpha158
from evergreen.errors import BadInput

QLIB = Path(__file__).parents[3] / "data" / "qlib_alpha158.parquet"
BARS = ["ticker", "session", "open", "high", "low", "close", "volume", "vwap", "factor"]
LISTED_FROM_GAP = ("CNT", "IMAX", "IMIN", "IMXD")


@pytest.fixture(scope="module")
def recorded() -> pd.DataFrame:
    """Four simulated tickers (a split, halts, a late listing, flat prices, ties, a day without volume) with
    the factors that Qlib 0.9.7 made of them; prices are float32 values, which is what Qlib stores."""
    return pd.read_parquet(QLIB)


def panel(seed: int = 3, tickers: int = 3, length: int = 90, missing: float = 0.05) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    shape = (tickers, length)
    close = 50 * np.exp(np.cumsum(rng.standard_t(4, shape) * 0.01, axis=1))
    opening = close * np.exp(rng.normal(0, 0.005, shape))
    frame = pd.DataFrame(
        {
            "ticker": np.repeat([f"T{i}" for i in range(tickers)], length),
            "session": np.tile(pd.bdate_range("2021-01-04", periods=length).as_unit("us"), tickers),
            "open": opening.ravel(),
            "high": (np.maximum(opening, close) * 1.003).ravel(),
            "low": (np.minimum(opening, close) * 0.997).ravel(),
            "close": close.ravel(),
            "volume": np.round(np.exp(rng.normal(12, 0.4, shape))).ravel(),
            "factor": np.repeat(np.linspace(0.5, 1.0, tickers), length),
        }
    )
    return frame[rng.random(len(frame)) >= missing]


def days(bars: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(np.sort(bars["session"].unique()))


def same_bits(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    return left.index.equals(right.index) and left.to_numpy().tobytes() == right.to_numpy().tobytes()


def opens_in_gap(bars: pd.DataFrame, window: int) -> pd.Series:
    """Rows whose window begins with a missing session, after the ticker's first bar."""
    order = pd.Series(range(len(days(bars))), index=days(bars))
    place = bars.set_index(["ticker", "session"]).index.get_level_values("session").map(order)
    at = pd.Series(place, index=pd.MultiIndex.from_frame(bars[["ticker", "session"]]))
    first = at.groupby("ticker").transform("min")
    opening = at - window + 1
    traded = at.groupby("ticker", group_keys=False).apply(
        lambda x: pd.Series(opening[x.index].isin(set(x)), index=x.index)
    )
    return (opening > first) & ~traded


def test_alpha158__equals_qlib(recorded: pd.DataFrame) -> None:
    ours = alpha158(recorded[BARS], calendar=days(recorded))
    theirs = recorded.set_index(["ticker", "session"])[list(FEATURE_NAMES)].sort_index()
    off = []
    for factor in FACTORS:
        a, b = ours[factor.name].astype("float64"), theirs[factor.name].astype("float64")
        if factor.name.startswith(LISTED_FROM_GAP):
            clear = ~opens_in_gap(recorded, int("".join(filter(str.isdigit, factor.name)))).reindex(a.index)
            a, b = a[clear], b[clear]
        assert (a.isna() == b.isna()).all(), factor.name
        off += [abs(x - y) for x, y in zip(a, b, strict=True) if abs(x - y) > 1e-6 + 1e-4 * abs(y)]
    assert len(off) <= 3 and max(off) < 1e-4  # Qlib divides in float32: a ratio close to 1 loses digits there


class Formula:
    """Evaluates a declared formula on one ticker's sessions with plain pandas: the slow oracle."""

    def __init__(self, bars: pd.DataFrame, calendar: pd.DatetimeIndex) -> None:
        factor = bars["factor"]
        frame = bars[["open", "high", "low", "close"]].mul(factor, axis=0)
        frame["volume"] = bars["volume"] / factor
        frame["vwap"] = frame[["high", "low", "close"]].sum(axis=1, min_count=3) / 3
        frame.index = pd.DatetimeIndex(bars["session"])
        span = calendar[(calendar >= frame.index.min()) & (calendar <= frame.index.max())]
        self.names = dict(frame.reindex(span).items())

    def __call__(self, text: str) -> pd.Series:
        verbs = {name: getattr(self, name) for name in ("ref", "corr", "slope", "rsquare", "resi")}
        rolled = {name: self.rolled(name) for name in ("mean", "sum", "std", "max", "min", "quantile")}
        other = {"greater": np.maximum, "less": np.minimum, "abs": abs, "log": np.log}
        return eval(text, {}, self.names | verbs | rolled | other | self.places())

    def rolled(self, name: str):
        return lambda x, d, *q: getattr((x + 0.0).replace([np.inf], np.nan).rolling(d, 1), name)(*q)

    def places(self):
        def place(best):
            return lambda x, d: x.rolling(d, 1).apply(lambda w: best(w[np.argmax(~np.isnan(w)) :]) + 1, raw=True)

        return {
            "rank": lambda x, d: x.rolling(d, 1).rank(pct=True),
            "idxmax": place(np.argmax),
            "idxmin": place(np.argmin),
        }

    def ref(self, x, d):
        return x.shift(d)

    def corr(self, x, y, d):
        x, y = (v.replace([np.inf], np.nan) for v in (x, y))
        flat = (x.rolling(d, 1).std() <= 2e-5) | (y.rolling(d, 1).std() <= 2e-5)
        return x.rolling(d, 1).corr(y).mask(flat)

    def fit(self, x, d, answer):
        def solve(w):
            t, known = np.arange(len(w)), ~np.isnan(w)
            return answer(t[known], w[known], t[-1], w[-1]) if known.sum() > 1 else np.nan

        return x.rolling(d, 1).apply(solve, raw=True)

    def slope(self, x, d):
        return self.fit(x, d, lambda t, y, *_: np.polyfit(t, y, 1)[0])

    def resi(self, x, d):
        return self.fit(x, d, lambda t, y, now, last: last - np.polyval(np.polyfit(t, y, 1), now))

    def rsquare(self, x, d):
        squared = self.fit(x, d, lambda t, y, *_: np.corrcoef(t, y)[0, 1] ** 2)
        return squared.mask(x.rolling(d, 1).std() <= 2e-5)


def test_alpha158__each_factor_is_its_declared_formula() -> None:
    bars = panel(tickers=1, length=75)
    formula = Formula(bars, days(panel(missing=0, length=75)))
    ours = alpha158(bars, calendar=days(panel(missing=0, length=75))).droplevel("ticker").astype("float64")
    for factor in FACTORS:
        if factor.name.startswith("CNT"):
            continue  # comparing with a missing session is False to pandas: Qlib is the oracle there
        expected = formula(factor.formula).reindex(ours.index)
        np.testing.assert_allclose(ours[factor.name], expected, rtol=2e-5, atol=1e-7, err_msg=factor.name)


def test_factors__are_the_158_in_order_and_read_no_further_than_declared() -> None:
    assert len(set(FEATURE_NAMES)) == 158
    assert FEATURE_NAMES[:2] == ("KMID", "KLEN") and FEATURE_NAMES[-1] == "VSUMD60"
    assert LOOKBACK == 61
    bars = panel(tickers=1, missing=0)
    full = alpha158(bars).iloc[[-1]]
    calendar = days(bars)
    for lookback in sorted({factor.lookback for factor in FACTORS}):
        names = [factor.name for factor in FACTORS if factor.lookback <= lookback]
        short = alpha158(bars.tail(lookback), calendar=calendar).iloc[[-1]]
        assert same_bits(full[names], short[names]), lookback


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), at=st.integers(0, 89), missing=st.sampled_from([0.0, 0.1, 0.6]))
def test_alpha158__one_session_equals_the_batch_bit_for_bit(seed: int, at: int, missing: float) -> None:
    bars = panel(seed, missing=missing)
    calendar = pd.DatetimeIndex(panel(missing=0)["session"].unique())
    session = calendar[at]
    trailing = bars[bars["session"].isin(calendar[max(0, at - LOOKBACK + 1) : at + 1])]
    whole = alpha158(bars, calendar=calendar)
    alone = alpha158(trailing, calendar=calendar, since=session)
    assert same_bits(whole[whole.index.get_level_values("session") == session], alone)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), at=st.integers(0, 88), size=st.floats(0.01, 100))
def test_alpha158__a_later_bar_moves_no_earlier_value(seed: int, at: int, size: float) -> None:
    bars = panel(seed)
    session = pd.bdate_range("2021-01-04", periods=90)[at]
    after = bars["session"] > session
    changed = bars.copy()
    changed.loc[after, ["open", "high", "low", "close", "volume"]] *= size
    calendar = days(panel(missing=0))
    past = slice(None), slice(None, session)
    assert same_bits(alpha158(bars, calendar).loc[past, :], alpha158(changed, calendar).loc[past, :])


def test_alpha158__a_split_afterwards_changes_no_factor() -> None:
    bars = panel(missing=0)
    split = bars.assign(factor=bars["factor"] / 3)
    before, after = alpha158(bars), alpha158(split)
    np.testing.assert_allclose(before, after, rtol=2e-4, atol=1e-6)  # log(volume + 1) is the one inexact ratio


def test_alpha158__other_tickers_row_order_and_the_input_itself_do_not_matter() -> None:
    bars = panel()
    shuffled = bars.sample(frac=1, random_state=1)
    before = shuffled.copy()
    whole = alpha158(bars)
    assert same_bits(whole, alpha158(shuffled))
    pd.testing.assert_frame_equal(shuffled, before)
    alone = alpha158(bars[bars["ticker"] == "T1"], calendar=days(bars))
    assert same_bits(whole.loc[["T1"]], alone)


def test_alpha158__infinite_and_missing_values_are_skipped_not_spread() -> None:
    bars = panel(tickers=1, missing=0).reset_index(drop=True)
    bars.loc[40, "volume"] = np.inf
    bars.loc[41, "close"] = np.nan
    factors = alpha158(bars)
    assert not np.isinf(factors.to_numpy()).any()
    assert np.isnan(factors["MA5"].iloc[41]) and np.isnan(factors["VMA5"].iloc[40])
    assert factors.iloc[47].drop(["ROC5", "ROC10"]).notna().sum() >= 150


def test_alpha158__the_frame_is_sorted_float32_with_microsecond_sessions() -> None:
    factors = alpha158(panel())
    assert (factors.dtypes == np.float32).all()
    assert factors.index.is_monotonic_increasing and factors.index.names == ["ticker", "session"]
    assert factors.index.get_level_values("session").dtype == "datetime64[us]"
    assert tuple(factors.columns) == FEATURE_NAMES


def test_alpha158__of_no_bars_is_an_empty_table() -> None:
    assert alpha158(panel().head(0)).shape == (0, 158)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda bars: bars.drop(columns="high"), "no column high"),
        (lambda bars: pd.concat([bars, bars.tail(1)]), "more than one bar"),
        (
            lambda bars: bars.assign(session=bars["session"] + pd.Timedelta(hours=5)),
            "no session of the calendar",
        ),
    ],
)
def test_alpha158__refuses_what_it_cannot_read(spoil, says: str) -> None:
    bars = panel()
    with pytest.raises(BadInput, match=says):
        alpha158(spoil(bars), calendar=days(bars))
