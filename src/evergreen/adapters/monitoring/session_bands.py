"""Whether a session's bars, as a whole, look like those of the weeks before: bands around its profile's figures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.adapters.monitoring.profiler import FIGURES, Column, Profile, column, outside, profile
from evergreen.core.bars.schema import PRICES, adjusted, conform
from evergreen.core.bars.session import iso
from evergreen.core.quality import Finding

RULE = "unusual_profile"
MEASURES = ("move", "range", "turnover")
RECENT = 20  # sessions, a month of trading: what the market is used to now
FEWEST_SESSIONS = 10  # fewer span a band that every second session would leave
SPAN = pd.Timedelta(days=2 * RECENT)  # holds that many sessions


def judge_profile(bars: pd.DataFrame, history: pd.DataFrame) -> list[Finding]:
    """A warning for each figure of the newest session of `bars` that left the band of up to 20 sessions before it.

    Figures are mean and deviation, over tickers, of the log move of the adjusted close, the log range of the bar
    and the log change of volume. The band is what those sessions held, widened by its own width at both ends: a
    market in turmoil leaves it as well, so it only warns. With fewer than 10 sessions before there is no band.
    """
    measured = _measured(bars, history)
    days = pd.DatetimeIndex(measured["session"].unique()).sort_values()[-RECENT - 1 :]
    if len(days) <= FEWEST_SESSIONS:
        return []
    views = [profile(measured.loc[measured["session"] == day, list(MEASURES)], day) for day in days]
    return _outside(views[-1], views[:-1], days[-1])


def _measured(bars: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    both = adjusted(conform(pd.concat([_lately(history, bars), _lately(bars, bars)], ignore_index=True)))
    numbers = both[[*PRICES, "volume"]].to_numpy()
    both = both[(np.isfinite(numbers) & (numbers > 0)).all(axis=1)].drop_duplicates(["ticker", "session"], keep="last")
    logs = pd.DataFrame({name: np.log(both[name]) for name in ("close", "volume")})
    steps = logs.groupby(both["ticker"]).diff()
    reach = np.log(both["high"] / both["low"])
    measured: pd.DataFrame = both[["session"]].assign(move=steps["close"], range=reach, turnover=steps["volume"])
    return measured.dropna()


def _lately(some: pd.DataFrame, bars: pd.DataFrame) -> pd.DataFrame:
    lately: pd.DataFrame = some[some["session"] > bars["session"].max() - SPAN]
    return lately


def _outside(view: Profile, before: list[Profile], session: pd.Timestamp) -> list[Finding]:
    bands = {}
    for measure in MEASURES:
        columns = [_column(each, measure) for each in before]
        for figure in FIGURES:
            figures = [getattr(each, figure) for each in columns]
            width = max(figures) - min(figures)
            bands[measure, figure] = (min(figures) - width, max(figures) + width)
    return [_finding(measure, figure, view, session) for measure, figure in outside(view, bands)]


def _finding(measure: str, figure: str, view: Profile, session: pd.Timestamp) -> Finding:
    value = float(getattr(_column(view, measure), figure))
    message = f"{iso(session)}: over all tickers the {figure} of the {measure}, {value:.3g}, is far from usual"
    return Finding(RULE, "warn", "", session, measure, value, message)


def _column(view: Profile, measure: str) -> Column:
    profiled = column(view, measure)
    assert profiled is not None, "every session is measured alike"
    return profiled
