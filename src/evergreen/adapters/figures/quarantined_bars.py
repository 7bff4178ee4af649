"""A picture of held bars in the series they were kept out of."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from evergreen.adapters.database.quarantine import Case
from evergreen.adapters.figures.style import BLUE, INK, QUIET, RUST, dates, plain


def series_around(series: pd.DataFrame, case: Case) -> Figure:
    """Adjusted closes with their range of the session above, volume below; held bars in rust.

    Args:
        series: one ticker's bars by session, with `held`: whether the case holds the bar.
        case: what was found.
    """
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    adjusted = series.assign(**{name: series[name] * series["factor"] for name in ("high", "low", "close")})
    stored, refused = adjusted[~adjusted["held"]], adjusted[adjusted["held"]]
    upper.plot(stored["session"], stored["close"], color=BLUE, linewidth=1.2, marker=".", markersize=4)
    for bars, colour in ((stored, QUIET), (refused, RUST)):
        upper.vlines(bars["session"], bars["low"], bars["high"], color=colour, linewidth=1.0)
    upper.plot(refused["session"], refused["close"], "o", color=RUST, markersize=5)
    lower.bar(series["session"], series["volume"], color=np.where(series["held"], RUST, QUIET), width=0.8)
    messages = "\n".join(str(finding["message"]) for finding in case.findings[:3])
    upper.set_title(f"{case.ticker}, case {case.id} ({case.state})\n{messages}", loc="left", fontsize=9.5, color=INK)
    upper.set_ylabel("adjusted close")
    lower.set_ylabel("volume")
    for axes in (upper, lower):
        dates(axes)
        plain(axes)
    return figure
