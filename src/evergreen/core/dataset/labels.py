"""What a forecast is scored against: the return after its session."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.core.bars.session import iso
from evergreen.errors import BadInput


def forward_return(bars: pd.DataFrame, horizon: int = 1) -> pd.Series:
    """Log return of the adjusted close from session t to t + horizon.

    Sessions are counted on the panel (every session any ticker traded), so a ticker absent at
    t + horizon has no label at t. The label of t is known only at the close of t + horizon.

    Args:
        bars: columns ticker, session, close and optionally factor (1.0); rows in any order.
        horizon: sessions ahead, at least 1.

    Returns:
        float64 named "label" on a sorted MultiIndex (ticker, session), one value per bar; NaN when
        either close is missing or not positive.

    Raises:
        BadInput: an unusable horizon, or two bars of one ticker and session.
    """
    _check_horizon(horizon)
    log_close = _log_adjusted_close(bars)
    wide = log_close.unstack("ticker").sort_index()
    ahead = (wide.shift(-horizon) - wide).to_numpy()
    row = wide.index.get_indexer(log_close.index.get_level_values("session"))
    column = wide.columns.get_indexer(log_close.index.get_level_values("ticker"))
    return pd.Series(ahead[row, column], index=log_close.index, name="label")


def label_span_end(sessions: pd.DatetimeIndex, horizon: int = 1) -> pd.Series:
    """Last session of each label span (t, t + horizon], indexed by t; NaT while it is in the future.

    Args:
        sessions: increasing sessions without repeats.
        horizon: sessions ahead, at least 1.
    """
    _check_horizon(horizon)
    return pd.Series(sessions, index=sessions, name="label_span_end").shift(-horizon)


def _check_horizon(horizon: int) -> None:
    if horizon < 1:
        raise BadInput(f"horizon {horizon} is not a number of sessions ahead.", "Use 1 or more.")


def _log_adjusted_close(bars: pd.DataFrame) -> pd.Series:
    price = bars["close"] * bars["factor"] if "factor" in bars else bars["close"]
    price = price.where((price > 0) & np.isfinite(price))
    index = pd.MultiIndex.from_frame(bars[["ticker", "session"]])
    series = pd.Series(np.log(price.to_numpy(dtype=float)), index=index).sort_index()
    if not series.index.is_unique:
        ticker, session = series.index[series.index.duplicated()][0]
        raise BadInput(
            f"{ticker} has two bars for {iso(session)}.",
            "Read one state of the bar store (as known at one time).",
        )
    return series
