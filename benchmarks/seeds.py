"""What averaging boosters of different seeds brings: every mean of so many of them against every single one.

    python -m benchmarks.seeds [--bars FILE.parquet --end 2016-12-30 --folds 5 --test-size 126]
        [--horizon 1] [--seeds 5]

The windows of `benchmarks/learners.py`; the boosters of a window share their bins, as those of `averaged_lightgbm` do.
One seed is a draw: what a mean brings is told over all choices of its members, beside the mean of all single ones.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from benchmarks.learners import read_bars, walk_forward_folds, windows_parser
from evergreen.core.dataset.labels import forward_return
from evergreen.core.dataset.panel import Panel, labelled_panel, training_frame
from evergreen.core.evaluation.diebold_mariano import dm_test
from evergreen.core.evaluation.metrics import rank_ic
from evergreen.core.features import alpha158
from evergreen.core.model.breadth import suited
from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.fitting import forecast_sessions
from evergreen.core.model.lightgbm_learner import LightGBMLearner
from evergreen.core.model.protocol import Forecasts


def walked(panel: Panel, options: argparse.Namespace) -> tuple[pd.DataFrame, pd.Series]:
    """Forecasts of each seed (columns) and the outcome, on (ticker, session) of all windows."""
    suiting = suited(len(set(panel.tickers))) | {"horizon": options.horizon, "num_threads": 2}
    config = TrainingConfig(**suiting)
    configs = [replace(config, seed=config.seed + number) for number in range(options.seeds)]
    folds = walk_forward_folds(panel, options)
    fits = LightGBMLearner().side_by_side(panel, [len(fold.train) for fold in folds], configs)
    starts = [int(panel.sessions.searchsorted(fold.test[0])) for fold in folds]
    keys = pd.concat([panel.keys(start, start + options.test_size) for start in starts])
    forecasts: dict[str, list[Forecasts]] = {str(each.seed): [] for each in configs}
    for together, start in zip(fits, starts, strict=True):
        for own, fit in zip(forecasts.values(), together, strict=True):
            own.append(forecast_sessions(fit, panel, start, start + options.test_size, 2))
    outcome = np.concatenate([panel.label[panel.rows(start, start + options.test_size)] for start in starts])
    index = pd.MultiIndex.from_frame(keys)
    rows = pd.DataFrame({seed: np.concatenate(each) for seed, each in forecasts.items()}, index=index)
    return rows, pd.Series(outcome, index=index)


def main() -> None:
    """Print a line for single boosters and one for each number of members."""
    parser = windows_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    bars = read_bars(options)
    panel = labelled_panel(training_frame(alpha158(bars), forward_return(bars, options.horizon)))
    forecasts, outcome = walked(panel, options)
    single = of_members(forecasts, outcome, 1)
    print(f"single     {spread(single)}")
    for members in range(2, options.seeds + 1):
        means = of_members(forecasts, outcome, members)
        gain = dm_test(means.mean(axis=1) - single.mean(axis=1))
        low, high = gain.interval(0.95)
        print(
            f"mean of {members}  {spread(means)}  less a single one {gain.mean:+.4f} (95 %: {low:+.4f} to {high:+.4f})"
        )


def of_members(forecasts: pd.DataFrame, outcome: pd.Series, members: int) -> pd.DataFrame:
    """RankIC by session of the means of so many seeds, a column for each choice of them."""
    chosen = combinations(forecasts.columns, members)
    return pd.concat([rank_ic(forecasts[list(each)].mean(axis=1), outcome).fillna(0.0) for each in chosen], axis=1)


def spread(rank_ics: pd.DataFrame) -> str:
    """The mean over all choices, and the lowest and the highest of them."""
    means = rank_ics.mean()
    return f"RankIC {means.mean():+.4f}  ({means.min():+.4f} to {means.max():+.4f})"


if __name__ == "__main__":
    main()
