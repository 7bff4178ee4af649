"""Coverage of nominal 90 % intervals by year, ours beside quantiles of the last 60 and 250 sessions.

    python benchmarks/intervals.py [--bars FILE.parquet] [--model]

Without --bars, the packaged sample (AAPL, IBM, MSFT, GOOG, 2000 to 2013). The forecasts are the random walk's,
or with --model those of LightGBM refitted every 63 sessions. The last line is what chance alone moves a year's share by
if outcomes were independent: tickers of one session are not, so it is the least that it does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.adapters.bars import SampleSource
from evergreen.core.dataset.labels import forward_return
from evergreen.core.features import alpha158
from evergreen.core.model.training import TrainingConfig, train, train_random_walk, training_frame

TICKERS = ["AAPL", "IBM", "MSFT", "GOOG"]


def training_set(bars: pd.DataFrame, horizon: int, model: bool) -> pd.DataFrame:
    """Features and labels; the random walk needs no features."""
    labels = forward_return(bars, horizon)
    features = alpha158(bars) if model else pd.DataFrame({"nothing": np.float32(0)}, index=labels.index)
    return training_frame(features, labels)


def out_of_sample(rows: pd.DataFrame, horizon: int, model: bool) -> pd.DataFrame:
    """Walk-forward rows from as early on as a first fit allows."""
    size, first = (63, 300) if model else (21, 80)
    folds = (rows.dropna(subset="label")["session"].nunique() - first - horizon - 5) // size
    config = TrainingConfig(horizon=horizon, folds=folds, test_size=size, min_train=first, validation_size=first // 2)
    return (train if model else train_random_walk)(rows, config).oos


def from_recent_residuals(oos: pd.DataFrame, sessions: int, horizon: int) -> pd.Series:
    """Whether each label lay between the quantiles of the residuals of the last settled sessions."""
    residual = oos["label"] - oos["forecast"]
    days = np.sort(oos["session"].unique())
    by_day = {day: values.to_numpy() for day, values in residual.groupby(oos["session"])}
    inside = pd.Series(np.nan, index=oos.index)
    for place in range(sessions + horizon, len(days)):
        known = np.concatenate([by_day[day] for day in days[place - horizon - sessions : place - horizon + 1]])
        today = oos["session"] == days[place]
        inside[today] = residual[today].between(*np.quantile(known, [0.05, 0.95])).astype(float)
    return inside


def main() -> None:
    """Print coverage by year for both horizons."""
    options = argparse.ArgumentParser()
    options.add_argument("--bars", type=Path)
    options.add_argument("--model", action="store_true")
    given = options.parse_args()
    if given.bars is None:
        bars = SampleSource().fetch(TICKERS, pd.Timestamp("2000-03-01"), pd.Timestamp("2013-03-01"))
    else:
        bars = pd.read_parquet(given.bars).rename(columns={"Name": "ticker", "date": "session"})
        bars = bars.drop_duplicates(["ticker", "session"])
    for horizon in (1, 5):
        oos = out_of_sample(training_set(bars, horizon, given.model), horizon, given.model)
        year = oos["session"].dt.year
        shares = {"ours": oos["label"].between(oos["lower"], oos["upper"]).groupby(year).mean()}
        for sessions in (60, 250):
            shares[f"last {sessions}"] = from_recent_residuals(oos, sessions, horizon).groupby(year).mean()
        shares["chance, 95 % +-"] = 1.96 * np.sqrt(0.9 * 0.1 / year.value_counts().sort_index())
        print(f"horizon {horizon}, coverage in % by year, nominal 90; {oos['session'].nunique()} sessions")
        print((100 * pd.DataFrame(shares).T).round(1).to_string(na_rep="-"))


if __name__ == "__main__":
    main()
