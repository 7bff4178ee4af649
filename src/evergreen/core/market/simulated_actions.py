"""What happens to companies: splits and dividends, listings and delistings."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.bars.schema import PRICES, conform
from evergreen.core.evaluation.backtest import SESSIONS_A_YEAR

RATIOS = np.array([2.0, 3.0, 1.5, 4.0, 10.0, 0.1])  # new shares for an old one, the last a reverse split
RATIO_SHARES = np.array([0.5, 0.15, 0.15, 0.1, 0.05, 0.05])  # how often each: most are two for one
QUARTER = SESSIONS_A_YEAR // 4  # sessions between dividends

Floats = NDArray[np.float64]


def with_corporate_actions(
    bars: pd.DataFrame, seed: int, splits_a_decade: float = 1.0, dividend_yield: float = 0.02
) -> pd.DataFrame:
    """`bars`, their prices taken as the adjusted ones, as they would have been quoted.

    Each ticker splits at random sessions (2:1 half of the time, also 3:2, 3, 4, 10 and 1:10) and pays a quarter of
    `dividend_yield` every 63 sessions. `factor` leads back: it is the one known at the end, 1.0 at the last bar.
    """
    rng = np.random.default_rng(seed)
    conformed = conform(bars)
    chance = splits_a_decade / (10 * SESSIONS_A_YEAR)
    parts = [_factors(rng, len(part), chance, dividend_yield) for _, part in conformed.groupby("ticker", sort=False)]
    split = np.concatenate([part[0] for part in parts]) if parts else np.empty(0)
    paid = np.concatenate([part[1] for part in parts]) if parts else np.empty(0)
    raw = {name: conformed[name] / (split * paid) for name in PRICES}
    return conformed.assign(**raw, volume=np.round(conformed["volume"] * split), factor=split * paid)


def with_listings(bars: pd.DataFrame, seed: int, listed: float = 0.1, delisted: float = 0.1) -> pd.DataFrame:
    """`bars` less those before a listing or after a delisting, of the given shares of tickers."""
    rng = np.random.default_rng(seed)
    conformed = conform(bars)
    listed_then = np.ones(len(conformed), dtype=bool)
    for rows in conformed.groupby("ticker", sort=False).indices.values():
        late, gone = rng.random(2) < (listed, delisted)
        first, last = np.sort(rng.integers(0, len(rows), 2))
        listed_then[rows[: first if late else 0]] = False
        listed_then[rows[last + 1 if gone else len(rows) :]] = False
    return conformed[listed_then].reset_index(drop=True)


def _factors(rng: np.random.Generator, length: int, chance: float, dividend_yield: float) -> tuple[Floats, Floats]:
    """Of one ticker, per session: the part of the factor that splits make, and the part that dividends make."""
    ratio = np.where(rng.random(length) < chance, rng.choice(RATIOS, length, p=RATIO_SHARES), 1.0)
    pays = (np.arange(length) + rng.integers(QUARTER)) % QUARTER == 0
    paid = np.where(pays, 1 - dividend_yield / 4, 1.0)
    return _later(1 / ratio), _later(paid)


def _later(steps: Floats) -> Floats:
    """The product of the steps after each session: what is still to come."""
    products = np.cumprod(np.append(steps, 1.0)[::-1])[::-1]
    return np.asarray(products[1:])
