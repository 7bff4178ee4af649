"""What a forecast says that is not known without it: beside well-known factors, its own features, another model.

All by ranks within each session, so that one wild name does not rule; one number per session, with the t of
`diebold_mariano.dm_test`, which allows for autocorrelation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.evaluation.diebold_mariano import dm_test
from evergreen.core.evaluation.metrics import rank_ic

KNOWN = ("market", "size", "momentum", "reversal")
BETA, MONEY, YEAR, MONTH, WEEK = 63, 21, 252, 21, 5  # sessions
ERA = 21  # sessions: a month, so that a year has a dozen eras
SPARE = 5  # tickers a session must have beyond what is taken out of it

Array = NDArray[np.float64]


def known_factors(bars: pd.DataFrame) -> pd.DataFrame:
    """Four factors that anybody knows, at the close of each session.

    `market`: the slope on the mean return of all tickers over a quarter; `size`: log of the mean money traded over a
    month; `momentum`: the return of the year before the last month; `reversal`: minus the return of the last week.

    Args:
        bars: columns ticker, session, close, volume and optionally factor.

    Returns:
        Columns `KNOWN` on a sorted MultiIndex (ticker, session); NaN until there is history enough.
    """
    rows = bars.assign(price=bars["close"] * bars.get("factor", 1.0), money=bars["close"] * bars["volume"])
    price, money = (rows.pivot(index="session", columns="ticker", values=name) for name in ("price", "money"))
    change: pd.DataFrame = price.apply(np.log).diff()
    market = change.mean(axis=1)
    beta = change.rolling(BETA).cov(market).div(market.rolling(BETA).var(), axis=0)
    values: dict[str, pd.DataFrame] = {
        "market": beta,
        "size": money.rolling(MONEY).mean().where(lambda mean: mean > 0).apply(np.log),
        "momentum": (price.shift(MONTH) / price.shift(YEAR)).apply(np.log),
        "reversal": (price.shift(WEEK) / price).apply(np.log),
    }
    by_ticker = [
        pd.DataFrame({name: table[ticker] for name, table in values.items()}).assign(ticker=str(ticker))
        for ticker in price.columns
    ]
    return pd.concat(by_ticker).set_index("ticker", append=True).swaplevel().sort_index()


def exposures(forecast: pd.Series, factors: pd.DataFrame) -> pd.DataFrame:
    """How far a forecast is one of `factors`: their rank correlation within each session.

    Returns:
        A row for each factor: `mean` over sessions, `t`, and the number of `sessions`; NaN where too few are known.
    """
    measured = {}
    for name in factors:
        values = rank_ic(forecast, factors[name].reindex(forecast.index)).dropna()
        test = dm_test(values) if len(values) > 1 else None
        measured[str(name)] = {
            "mean": float(values.mean()),
            "t": test.statistic if test else np.nan,
            "sessions": float(len(values)),
        }
    return pd.DataFrame.from_dict(measured, orient="index")


def neutral_rank_ic(forecast: pd.Series, label: pd.Series, factors: pd.DataFrame) -> pd.Series:
    """Correlation of the label's ranks with what is left of the forecast's ranks once those of `factors` are taken out.

    With a model's own features as factors this is the feature-neutral correlation of Numerai; with another model's
    forecast, what this one adds to it. A factor that is not known takes the middle rank.

    Returns:
        By session; NaN in sessions with fewer than `SPARE` tickers beyond the number of factors, or nothing left.
    """
    pairs = pd.DataFrame({"forecast": forecast, "label": label}).dropna()
    known = factors.reindex(pairs.index).to_numpy(np.float64)
    sessions = pd.DatetimeIndex(pairs.index.get_level_values("session"))
    values = {
        session: _neutral(pairs.to_numpy()[rows], known[rows])
        for session, rows in pairs.groupby(sessions).indices.items()
    }
    return pd.Series(values, name="neutral_rank_ic", dtype=float).rename_axis("session")


def _neutral(pairs: Array, known: Array) -> float:
    if len(pairs) < known.shape[1] + SPARE:
        return np.nan
    ranks = pd.DataFrame(np.hstack([pairs, known])).rank(pct=True).to_numpy() - 0.5
    ranks = np.nan_to_num(ranks - np.nanmean(np.where(np.isfinite(ranks), ranks, 0.0), axis=0))
    forecast, label, factors = ranks[:, 0], ranks[:, 1], ranks[:, 2:]
    left = forecast - factors @ np.linalg.lstsq(factors, forecast, rcond=None)[0]
    left, size = left - left.mean(), float(np.linalg.norm(left) * np.linalg.norm(label))
    nothing_left = np.linalg.norm(left) <= 1e-9 * max(float(np.linalg.norm(forecast)), 1e-300)
    return np.nan if nothing_left or size == 0 else float(left @ label / size)


def era_sharpe(coefficients: pd.Series, era: int = ERA) -> dict[str, float]:
    """Mean over deviation of the means of consecutive eras, and the share of eras above 0.

    Args:
        coefficients: one per session, such as RankIC.
        era: sessions in each; a shorter last one is left out.
    """
    whole = coefficients.dropna().to_numpy()
    eras = whole[: len(whole) // era * era].reshape(-1, era).mean(axis=1)
    spread = float(eras.std(ddof=1)) if len(eras) > 1 else 0.0
    return {
        "era_sharpe": float(eras.mean()) / spread if spread > 0 else np.nan,
        "eras_above_zero": float((eras > 0).mean()) if len(eras) else np.nan,
        "eras": float(len(eras)),
    }


def originality(
    record: pd.DataFrame, bars: pd.DataFrame, features: pd.DataFrame | None = None, other: pd.DataFrame | None = None
) -> dict[str, float | None]:
    """All of it for a walk-forward record, under the names it goes into MLflow by; None where undefined.

    Args:
        record: ticker, session, forecast, label.
        bars: of those tickers, reaching a year further back.
        features: of the model, on (ticker, session); without, `feature_neutral` is left out.
        other: another model's record, such as the champion's; without, `beyond_champion` is left out.
    """
    rows = record.set_index(["ticker", "session"]).sort_index()
    forecast, label, factors = rows["forecast"], rows["label"], known_factors(bars)
    taken_out = {"factor_neutral": factors}
    taken_out |= {} if features is None else {"feature_neutral": features}
    if other is not None:
        taken_out["beyond_champion"] = other.set_index(["ticker", "session"])[["forecast"]]
        common = rows.index.intersection(taken_out["beyond_champion"].index)
    values = era_sharpe(rank_ic(forecast, label))
    for name, matrix in taken_out.items():
        index = common if name == "beyond_champion" else rows.index
        left = neutral_rank_ic(forecast.loc[index], label.loc[index], matrix).dropna()
        test = dm_test(left) if len(left) > 1 else None
        values |= {name: float(left.mean()), f"{name}_t": test.statistic if test else np.nan}
    values |= {f"exposure_{name}": float(mean) for name, mean in exposures(forecast, factors)["mean"].items()}
    return {name: float(value) if np.isfinite(value) else None for name, value in values.items()}
