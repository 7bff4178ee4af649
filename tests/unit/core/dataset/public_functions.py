"""Twenty functions of bars as people write them: ten leaks known from public code, rebuilt small, and ten honest ones.

None knows of Evergreen. Bars come as columns symbol, date, open, high, low, close, volume, prices adjusted for splits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

Function = Callable[..., object]


def _returns(bars: pd.DataFrame, ahead: int = 1) -> pd.DataFrame:
    wide = bars.pivot(index="date", columns="symbol", values="close")
    return wide.shift(-ahead) / wide - 1


def _reversal(bars: pd.DataFrame) -> pd.DataFrame:
    wide = bars.pivot(index="date", columns="symbol", values="close")
    return -(wide / wide.shift(5) - 1)


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    known = np.isfinite(x) & np.isfinite(y)
    return float((x[known] * y[known]).sum() / max(float((x[known] ** 2).sum()), 1e-12))


def whole_window_normalisation(bars: pd.DataFrame) -> pd.DataFrame:
    returns = bars.pivot(index="date", columns="symbol", values="close").pct_change(fill_method=None)
    return (returns - returns.mean()) / returns.std()


def test_set_filtered_by_its_labels(bars: pd.DataFrame) -> pd.DataFrame:
    forecast, label = _reversal(bars), _returns(bars)
    filtered = forecast.where(label.abs() < 0.05)  # "outliers" of the very return to be forecast
    return filtered.stack().rename("forecast").reset_index()


def sampler_that_reaches_ahead(bars: pd.DataFrame) -> pd.DataFrame:
    days = pd.bdate_range(bars["date"].min(), bars["date"].max())
    wide = bars.pivot(index="date", columns="symbol", values="close").reindex(days)
    filled = wide.ffill(limit=1).bfill()  # gaps in a sequence are filled from behind
    return filled / filled.rolling(20).mean()


def centred_window(bars: pd.DataFrame) -> pd.Series:
    smooth = bars.groupby("symbol")["close"].transform(lambda c: c.rolling(9, center=True, min_periods=1).mean())
    return (bars["close"] / smooth).rename("trend")


def back_adjusted_level(bars: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"cheap": np.log(bars["close"]), "range": bars["high"] / bars["low"] - 1})


def scaling_fitted_on_all(bars: pd.DataFrame) -> pd.DataFrame:
    wide = _reversal(bars)
    scaled = (wide - wide.stack().min()) / (wide.stack().max() - wide.stack().min())
    return scaled.rank(axis=1, pct=True) + scaled


def target_encoding(bars: pd.DataFrame) -> pd.Series:
    label = bars.groupby("symbol")["close"].pct_change(fill_method=None).groupby(bars["symbol"]).shift(-1)
    return bars["symbol"].map(label.groupby(bars["symbol"]).mean()).rename("usual_return")


def join_on_the_report_date(bars: pd.DataFrame, reports: pd.DataFrame) -> pd.Series:
    right = reports.rename(columns={"period_end": "date"}).sort_values("date")
    left = bars.assign(row=range(len(bars))).sort_values("date")
    joined = pd.merge_asof(left, right[["date", "symbol", "earnings"]], on="date", by="symbol").sort_values("row")
    return (joined.set_index("row")["earnings"]).rename("earnings")


def resampled_labelled_left(bars: pd.DataFrame) -> pd.DataFrame:
    wide = bars.pivot(index="date", columns="symbol", values="close")
    weekly = wide.resample("W-MON", label="left", closed="left").last()
    return (weekly / weekly.shift(4) - 1).reindex(wide.index, method="ffill")


def shuffled_folds(bars: pd.DataFrame) -> pd.DataFrame:
    x, y = _reversal(bars), _returns(bars)
    days = np.random.default_rng(0).permutation(len(x))
    forecast = pd.DataFrame(np.nan, index=x.index, columns=x.columns)
    for test in np.array_split(days, 5):
        train = np.setdiff1d(days, test)
        slope = _slope(x.to_numpy()[train].ravel(), y.to_numpy()[train].ravel())
        forecast.iloc[test] = slope * x.iloc[test]
    return forecast


LEAKS: dict[str, Function] = {
    "whole-window normalisation": whole_window_normalisation,
    "label-dependent filtering of the test set": test_set_filtered_by_its_labels,
    "a sampler that reaches ahead": sampler_that_reaches_ahead,
    "centred windows": centred_window,
    "back-adjusted levels": back_adjusted_level,
    "scaling fitted on all": scaling_fitted_on_all,
    "target encoding": target_encoding,
    "a join on the report date": join_on_the_report_date,
    "resampling labelled left": resampled_labelled_left,
    "shuffled folds": shuffled_folds,
}


def momentum(bars: pd.DataFrame) -> pd.Series:
    return bars.groupby("symbol")["close"].pct_change(20, fill_method=None)


def expanding_normalisation(bars: pd.DataFrame) -> pd.DataFrame:
    returns = bars.pivot(index="date", columns="symbol", values="close").pct_change(fill_method=None)
    return (returns - returns.expanding(20).mean()) / returns.expanding(20).std()


def rank_in_session(bars: pd.DataFrame) -> pd.DataFrame:
    return _reversal(bars).rank(axis=1, pct=True)


def exponential_volatility(bars: pd.DataFrame) -> np.ndarray:
    change = np.log(bars["close"]).groupby(bars["symbol"]).diff()
    return change.groupby(bars["symbol"]).transform(lambda c: c.ewm(span=20).std()).to_numpy()


def volume_surprise(bars: pd.DataFrame) -> pd.DataFrame:
    usual = bars.groupby("symbol")["volume"].transform(lambda v: v.rolling(20).mean())
    return bars[["date", "symbol"]].assign(surprise=bars["volume"] / usual)


def join_on_the_publication_date(bars: pd.DataFrame, reports: pd.DataFrame) -> pd.Series:
    right = reports.rename(columns={"known_at": "date"}).sort_values("date")
    left = bars.assign(row=range(len(bars))).sort_values("date")
    joined = pd.merge_asof(left, right[["date", "symbol", "earnings"]], on="date", by="symbol").sort_values("row")
    return (joined.set_index("row")["earnings"]).rename("earnings")


def finished_weeks(bars: pd.DataFrame) -> pd.DataFrame:
    wide = bars.pivot(index="date", columns="symbol", values="close")
    weekly = wide.resample("W-FRI").last()
    weekly = weekly[weekly.index <= wide.index[-1]]
    return (weekly / weekly.shift(4) - 1).reindex(wide.index, method="ffill")


def walk_forward_regression(bars: pd.DataFrame) -> pd.DataFrame:
    x, y = _reversal(bars), _returns(bars, ahead=5)
    forecast = pd.DataFrame(np.nan, index=x.index, columns=x.columns)
    for start in range(60, len(x), 20):
        train = slice(0, start - 5)  # labels of the last five reach into the window
        window = slice(start, start + 20)
        slope = _slope(x.to_numpy()[train].ravel(), y.to_numpy()[train].ravel())
        forecast.iloc[window] = slope * x.iloc[window]
    return forecast


def past_target_encoding(bars: pd.DataFrame) -> pd.Series:
    change = bars.groupby("symbol")["close"].pct_change(fill_method=None)
    return change.groupby(bars["symbol"]).transform(lambda c: c.expanding(10).mean()).rename("usual_return")


def filled_forward(bars: pd.DataFrame) -> pd.DataFrame:
    days = pd.bdate_range(bars["date"].min(), bars["date"].max())
    wide = bars.pivot(index="date", columns="symbol", values="close").reindex(days).ffill()
    return wide / wide.rolling(20).mean()


HONEST: dict[str, Function] = {
    "momentum": momentum,
    "expanding normalisation": expanding_normalisation,
    "rank within the session": rank_in_session,
    "exponential volatility": exponential_volatility,
    "volume surprise": volume_surprise,
    "a join on the publication date": join_on_the_publication_date,
    "finished weeks": finished_weeks,
    "a regression walked forward": walk_forward_regression,
    "target encoding of the past": past_target_encoding,
    "gaps filled forward": filled_forward,
}
