"""How good forecasts were, one number per session: stocks move together, so rows are not independent."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.evaluation.losses import relative_difference, skill_score
from evergreen.errors import BadInput

Array = NDArray[np.float64]


def ic(forecast: pd.Series, label: pd.Series) -> pd.Series:
    """Information coefficient: the Pearson correlation of forecast and label within each session.

    Args:
        forecast, label: on one MultiIndex with a level "session"; aligned by it.

    Returns:
        float64 by session, for sessions with a known label; NaN with fewer than two finite pairs or
        when one side is constant.
    """
    pairs = _pairs(forecast, label)
    return _correlation(pairs["forecast"], pairs["label"], _known_sessions(forecast, label)).rename("ic")


def rank_ic(forecast: pd.Series, label: pd.Series) -> pd.Series:
    """RankIC: the Spearman correlation (average ranks for ties) within each session; see `ic`."""
    pairs = _pairs(forecast, label)
    ranks = pairs.groupby(level="session").rank()
    return _correlation(ranks["forecast"], ranks["label"], _known_sessions(forecast, label)).rename("rank_ic")


def icir(coefficients: pd.Series) -> float:
    """Mean over standard deviation (ddof 1) of per-session coefficients, not annualised; NaN if undefined."""
    spread = float(coefficients.std())
    return float(coefficients.mean()) / spread if spread > 0 else float("nan")


def session_losses(forecast: pd.Series, label: pd.Series) -> pd.Series:
    """Mean squared error of each session over the tickers whose label is known.

    A forecast that is not finite makes its session's loss infinite rather than vanish from the mean.
    To compare two models, give both the same tickers.

    Returns:
        float64 by session, in squared log returns.
    """
    frame = pd.DataFrame({"forecast": forecast, "label": label})
    frame = frame[np.isfinite(frame["label"])]
    errors = (frame["forecast"] - frame["label"]) ** 2
    losses: pd.Series = errors.where(np.isfinite(errors), np.inf).groupby(level="session").mean()
    return losses.rename("loss")


def loss_difference(loss_a: pd.Series, loss_b: pd.Series) -> pd.Series:
    """r_t of two models by session (see `relative_difference`), aligned on the sessions both know.

    Raises:
        BadInput: a negative or missing loss.
    """
    a, b = loss_a.align(loss_b, join="inner")
    if not ((a >= 0).all() and (b >= 0).all()):
        raise BadInput("a loss is negative or missing.", "Give mean squared errors, one per session.")
    return pd.Series(relative_difference(a, b), index=a.index, name="r")


def gain_over_random_walk(forecast: pd.Series, label: pd.Series) -> pd.Series:
    """r_t of the forecast against the random walk, which forecasts 0, by session; positive: the forecast is better."""
    return loss_difference(session_losses(forecast * 0.0, label), session_losses(forecast, label))


def skill(losses: pd.Series, baseline_losses: pd.Series) -> float:
    """`skill_score` of the mean losses over common sessions."""
    ours, theirs = losses.align(baseline_losses, join="inner")
    return float(skill_score(ours.mean(), theirs.mean()))


def _pairs(forecast: pd.Series, label: pd.Series) -> pd.DataFrame:
    pairs = pd.DataFrame({"forecast": forecast, "label": label})
    finite: pd.DataFrame = pairs[np.isfinite(pairs["forecast"]) & np.isfinite(pairs["label"])]
    return finite


def _known_sessions(forecast: pd.Series, label: pd.Series) -> pd.DatetimeIndex:
    known = label[np.isfinite(label)].index.get_level_values("session")
    return pd.DatetimeIndex(known.unique(), name="session").sort_values()


def _correlation(x: pd.Series, y: pd.Series, sessions: pd.DatetimeIndex) -> pd.Series:
    codes = sessions.get_indexer(x.index.get_level_values("session"))
    size = len(sessions)
    n = np.bincount(codes, minlength=size)
    dx, sxx = _deviations(x.to_numpy(dtype=float), codes, n)
    dy, syy = _deviations(y.to_numpy(dtype=float), codes, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.bincount(codes, dx * dy, minlength=size) / np.sqrt(sxx * syy)
    return pd.Series(np.clip(values, -1.0, 1.0), index=sessions)


def _deviations(x: Array, codes: NDArray[np.intp], n: NDArray[np.intp]) -> tuple[Array, Array]:
    """Deviations from the session's mean and their sums of squares; exactly 0 in a constant session."""
    anchor = np.zeros(len(n))
    anchor[codes] = x
    moved = x - anchor[codes]
    with np.errstate(invalid="ignore"):
        mean = np.bincount(codes, moved, minlength=len(n)) / n
    deviation = moved - mean[codes]
    return deviation, np.bincount(codes, deviation**2, minlength=len(n)).astype(np.float64)
