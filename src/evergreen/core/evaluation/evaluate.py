"""Out-of-sample metrics of one model against the random walk, and the line that says what they amount to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.core.evaluation.backtest import long_short
from evergreen.core.evaluation.diebold_mariano import dm_test
from evergreen.core.evaluation.metrics import gain_over_random_walk, ic, icir, rank_ic, session_losses, skill


def evaluate(oos: pd.DataFrame, is_return: bool = True) -> dict[str, float | None]:
    """Metrics of out-of-sample rows (ticker, session, forecast, label, lower, upper); None where undefined.

    `gain` is mean r against the random walk (see `gain_over_random_walk`) with one-sided 90 % bounds,
    `p_better` the one-sided p of that gain, `ic`, `rank_ic`, `icir` and `rank_icir` come with two-sided 90 % intervals
    that allow for autocorrelation, price errors (of returns) are as in `price_error`, `coverage` is the share of labels
    inside their interval. What is not a return has a target's naive forecast, 0, in the random walk's place.
    """
    rows = oos.set_index(["ticker", "session"])
    forecast, label = rows["forecast"], rows["label"]
    losses, zero = session_losses(forecast, label), session_losses(forecast * 0.0, label)
    gain = dm_test(gain_over_random_walk(forecast, label))
    pearson, spearman = ic(forecast, label), rank_ic(forecast, label)
    values = {
        "loss": float(losses.mean()),
        "loss_random_walk": float(zero.mean()),
        "skill": skill(losses, zero),
        **_coefficient("ic", "icir", pearson),
        **_coefficient("rank_ic", "rank_icir", spearman),
        **(price_error(forecast, label) if is_return else {}),
        "gain": gain.mean,
        "gain_lower90": gain.lower90,
        "gain_upper90": gain.upper90,
        "p_better": gain.p_better,
        "coverage": float(label.between(rows["lower"], rows["upper"]).mean()),
        "sessions": float(len(losses)),
        "rows": float(len(rows)),
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _coefficient(name: str, ratio: str, values: pd.Series) -> dict[str, float]:
    """Mean and mean over deviation, each with its two-sided 90 % interval.

    The ratio's interval is the mean's over the deviation: for ratios as small as these the deviation's own error
    does not show (Lo, "The Statistics of Sharpe Ratios", FAJ 2002).
    """
    known, spread = values.dropna(), float(values.std())
    inside = dm_test(known).interval(0.90) if len(known) > 1 else (math.nan, math.nan)
    ends = dict(zip(("lower90", "upper90"), inside, strict=True))
    measured = {name: float(values.mean()), ratio: icir(values)}
    measured |= {f"{name}_{end}": value for end, value in ends.items()}
    return measured | {f"{ratio}_{end}": value / spread if spread > 0 else math.nan for end, value in ends.items()}


def price_error(forecast: pd.Series, label: pd.Series) -> dict[str, float]:
    """Error of the forecast price, in shares of the last close.

    `mae`, `rmse`, and `mase`: the mean absolute error over that of the random walk on the same rows (Hyndman &
    Koehler, IJF 2006); below 1 is better than saying today's price.
    """
    error, naive = np.exp(forecast) - np.exp(label), 1.0 - np.exp(label)
    scale = float(naive.abs().mean())
    return {
        "mae": float(error.abs().mean()),
        "rmse": math.sqrt(float((error**2).mean())),
        "mase": float(error.abs().mean()) / scale if scale > 0 else math.nan,
    }


def by_year(oos: pd.DataFrame, is_return: bool = True) -> pd.DataFrame:
    """`evaluate` for each calendar year of at least 20 sessions; one row a year, NaN where undefined."""
    years = {year: rows for year, rows in oos.groupby(oos["session"].dt.year) if rows["session"].nunique() >= 20}
    return pd.DataFrame.from_dict(
        {year: evaluate(rows, is_return) for year, rows in years.items()}, orient="index", dtype=float
    )


@dataclass(frozen=True)
class Quantiles:
    """Outcomes by place of the forecast within its session.

    `table` has a row for each group, the lowest forecasts first: `mean` label (log return) less the session's
    mean over all tickers, with its two-sided 90 % interval `lower90`, `upper90`. `monotonicity` is the Spearman
    correlation of group and mean: 1 when each group did better than the one below it.
    """

    table: pd.DataFrame
    monotonicity: float


def quantiles(oos: pd.DataFrame, groups: int = 10) -> Quantiles | None:
    """Outcomes by tenth of the forecasts, or by as many groups as there are tickers; None if forecasts are equal."""
    rows = oos.dropna(subset=["forecast", "label"])
    session = rows["session"]
    rank = rows.groupby(session)["forecast"].rank()
    count = rows.groupby(session)["forecast"].transform("size")
    groups = min(groups, int(count.max()))
    if rows["forecast"].nunique() < groups or groups < 2:
        return None
    place = np.ceil((rank - 0.5) / count * groups).clip(1, groups).astype(int).rename("group")
    excess = rows["label"] - rows.groupby(session)["label"].transform("mean")
    means = excess.groupby([session, place]).mean().unstack("group")
    tests = {group: dm_test(values.dropna()) for group, values in means.items() if values.count() > 1}
    means_by_group = {g: (test.mean, *test.interval(0.90)) for g, test in tests.items()}
    table = pd.DataFrame.from_dict(means_by_group, orient="index", columns=["mean", "lower90", "upper90"])
    return Quantiles(table, float(table["mean"].corr(pd.Series(table.index, table.index), method="spearman")))


def assess(oos: pd.DataFrame, horizon: int, is_return: bool = True) -> dict[str, float | None]:
    """`evaluate`, the monotonicity of `quantiles`, and of returns the costed portfolio of `backtest` (`top_k_`)."""
    grouped = quantiles(oos)
    values = {"monotonicity": grouped.monotonicity if grouped else math.nan}
    if is_return and oos["ticker"].nunique() > 1:
        values |= {f"top_k_{name}": value for name, value in long_short(oos, horizon).metrics().items()}
    return evaluate(oos, is_return) | {name: value if math.isfinite(value) else None for name, value in values.items()}


def skill_line(metrics: Mapping[str, float | None], alpha: float = 0.05, baseline: str = "the random walk") -> str:
    """One honest sentence on `evaluate`'s gain: skill over a target's baseline is claimed only at p < alpha."""
    gain, p = metrics["gain"] or 0.0, metrics["p_better"]
    if p is None:
        return f"Skill over {baseline} cannot be judged: a forecast is not finite."
    sessions, side = f"{metrics['sessions']:.0f} sessions", "below" if gain >= 0 else "above"
    measured = f"over {sessions} a session's loss is on average {abs(gain):.2%} {side} {baseline}'s"
    if p < alpha:
        return f"Skill over {baseline}: {measured} (p = {p:.3f})."
    return f"No measurable skill over {baseline}: {measured} (p = {p:.3f}, {alpha:g} is needed)."
