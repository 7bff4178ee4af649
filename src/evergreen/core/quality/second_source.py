"""Where two vendors tell one stock's price differently."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.bars.schema import KEYS
from evergreen.core.bars.session import iso
from evergreen.core.quality import Finding

RULE = "second_source_disagrees"
TOLERANCE = 0.01  # log distance: ten times what honest vendors' closes differ by
USUAL_SESSIONS = 20  # the level between the two is learned from


def disagreements(
    delivery: pd.DataFrame, known: pd.DataFrame, second_source: pd.DataFrame, tolerance: float = TOLERANCE
) -> list[Finding]:
    """The bars of `delivery` whose adjusted close the second source tells differently.

    Two vendors anchor their adjustments differently, so the level between them is learned: the log ratio of
    their adjusted closes less its median over up to 20 earlier common sessions must not exceed `tolerance`.
    The first common session of a ticker is not judged: there is no level yet.

    Args:
        delivery: the bars to be judged.
        known: the bars in force before them.
        second_source: what the second source says of the same tickers, over both.
    """
    ours = pd.concat([known.assign(delivered=False), delivery.assign(delivered=True)], ignore_index=True)
    pairs = _closes(ours.drop_duplicates(KEYS, keep="last")).merge(
        _closes(second_source), on=KEYS, suffixes=("", "_theirs")
    )
    pairs = pairs.sort_values(KEYS, ignore_index=True)
    with np.errstate(all="ignore"):
        gap = pd.Series(np.log(pairs["adjusted"] / pairs["adjusted_theirs"]))
    level = gap.groupby(pairs["ticker"]).transform(
        lambda gaps: gaps.shift().rolling(USUAL_SESSIONS, min_periods=1).median()
    )
    off = gap - level
    apart = pairs["delivered"].eq(True) & (off.abs() > tolerance)
    return [_finding(bar, distance) for bar, distance in zip(pairs[apart].itertuples(), off[apart], strict=True)]


def _closes(bars: pd.DataFrame) -> pd.DataFrame:
    columns = [name for name in (*KEYS, "close", "delivered") if name in bars]
    return bars[columns].assign(adjusted=bars["close"] * bars["factor"])


def _finding(bar: tuple[object, ...], distance: float) -> Finding:
    ticker, session, close = (getattr(bar, name) for name in ("ticker", "session", "close"))
    apart = f"{np.expm1(distance):+.1%} from where the second source has it"
    message = f"{ticker} {iso(session)}: close {close:g} lies {apart}"
    return Finding(RULE, "quarantine", ticker, session, "close", float(close), message)
