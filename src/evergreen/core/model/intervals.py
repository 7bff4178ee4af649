"""Forecast intervals that follow volatility and correct themselves by what they covered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.dataset.panel import Panel

Array = NDArray[np.float64]

DECAY = 0.94  # RiskMetrics Technical Document (1996), daily data: a constant older than any data judged here
SCALE_SESSIONS = 120  # weigh all but 0.94^120 = 0.06 % of an endless history
SMALLEST_SCALE = 1e-4  # of a ticker that does not move
STEP = 0.1  # of a scale for each session's miss; see docs/decisions/0007


@dataclass(frozen=True)
class Band:
    """The two ends of an interval, in scales away from the forecast."""

    low: float
    high: float

    @classmethod
    def of(cls, scores: Array, level: float) -> Band:
        """The central band that held a share `level` of past scores (outcome less forecast, over the scale)."""
        low, high = np.quantile(scores[np.isfinite(scores)], [0.5 - level / 2, 0.5 + level / 2])
        return cls(float(low), float(high))

    def moved(self, scores: Array, stood: Band, level: float) -> Band:
        """This band after one more session has settled.

        Each end moves out by `STEP` times the share of outcomes beyond it in excess of its tail, and in when
        there were fewer: the quantile tracker of Angelopoulos, Candes & Tibshirani, "Conformal PID Control for
        Time Series Prediction", NeurIPS 2023. If no score is ever beyond b, the share missed over T
        sessions is within (b + STEP) / (STEP T) of its tail, whatever the market does.

        Args:
            scores: of the session that settled; none leaves the band as it is.
            stood: the band that stood when that session was forecast.
            level: nominal coverage.
        """
        known = scores[np.isfinite(scores)]
        if not len(known):
            return self
        tail = (1.0 - level) / 2.0
        below, above = float(np.mean(known < stood.low)), float(np.mean(known > stood.high))
        return Band(self.low - STEP * (below - tail), self.high + STEP * (above - tail))


@dataclass(frozen=True)
class Standing:
    """What intervals are made of at one session: a scale for each ticker, a band for each model version."""

    session: str
    scales: Mapping[str, float]
    bands: Mapping[str, Band]

    def after(
        self, settled: Mapping[str, Mapping[str, float]], stood: Standing, levels: Mapping[str, float]
    ) -> Standing:
        """These bands once the residuals of one more session are known.

        Args:
            settled: outcome less forecast of that session, by version and ticker.
            stood: what stood at that session.
            levels: nominal coverage by version.
        """
        moved = {
            version: self.bands[version].moved(
                np.array([residual / stood.scales.get(ticker, np.nan) for ticker, residual in residuals.items()]),
                stood.bands.get(version, self.bands[version]),
                levels[version],
            )
            for version, residuals in settled.items()
        }
        return replace(self, bands={**self.bands, **moved})

    def reach(self, tickers: Sequence[str], version: str, otherwise: Band) -> tuple[Array, Array]:
        """How far below and above a forecast its interval reaches, log return by ticker.

        Args:
            tickers: one without a scale takes the median of all.
            version: the model that forecasts.
            otherwise: its band while none has been kept for it.
        """
        band = self.bands.get(version, otherwise)
        common = float(np.median(list(self.scales.values()))) if self.scales else 1.0
        scales = np.array([self.scales.get(ticker, common) for ticker in tickers])
        return band.low * scales, band.high * scales


def track(scores: Iterable[Array], start: Band, level: float, horizon: int) -> list[Band]:
    """The band that stood at each session, and last the one that stands once all of them have settled.

    Args:
        scores: of the tickers forecast at each session, sessions in order.
        start: the band before the first.
        level: nominal coverage.
        horizon: sessions until a score is known.
    """
    by_session = list(scores)
    bands = [start] * horizon
    for number, settled in enumerate(by_session):
        bands.append(bands[-1].moved(settled, bands[number], level))
    return [*bands[: len(by_session)], bands[-1]]


def volatility(labels: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Scale of each ticker's label at each session, from labels settled by then.

    Exponentially weighted root mean square with decay 0.94. A ticker without a settled label takes the
    session's median.

    Args:
        labels: log returns over `horizon` sessions [sessions x tickers], NaN where unknown.

    Returns:
        The same shape, NaN in the first `horizon` sessions.
    """
    squares = (labels**2).ewm(alpha=1.0 - DECAY).mean().shift(horizon)
    scales = (squares**0.5).clip(lower=SMALLEST_SCALE)
    return scales.T.fillna(scales.median(axis=1)).T


def panel_scales(panel: Panel, horizon: int) -> tuple[Array, dict[str, float]]:
    """The scale of every row of a panel, and of each ticker once all of its labels have settled."""
    counts = np.diff(panel.first_row)
    rows = pd.Series(panel.label, index=[panel.sessions.repeat(counts), pd.Index(panel.tickers)])
    wide = rows.unstack()
    ahead = wide.reindex(np.arange(horizon), fill_value=np.nan).set_axis(range(horizon))
    extended = pd.concat([wide.reset_index(drop=True), ahead], ignore_index=True)
    scales = volatility(extended, horizon)
    session = np.arange(len(panel.sessions)).repeat(counts)
    place = wide.columns.get_indexer(pd.Index(panel.tickers))
    last = scales.iloc[-1]
    return scales.to_numpy()[session, place], {str(name): float(value) for name, value in last.items()}
