"""How much one session says about two models, by the statistic it is reduced to.

    python -m benchmarks.session_statistics BARS.parquet --until 2016-12-30 --folder .evergreen/statistics

Walk-forward forecasts of a panel against the same forecasts damaged, by mean over standard deviation of the difference
of one number per session: an e-process needs about 2 ln(1/alpha) over its square in sessions. The damage is known, so
a statistic of more power tells it sooner; at equal models all of them are centred on zero.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from evergreen.core.evaluation.losses import Statistic, difference
from evergreen.core.model.aim import NEXT_RETURN
from evergreen.core.model.breadth import suited
from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.fitting import forecast_sessions
from evergreen.core.model.walk_forward_record import folds_of
from evergreen.replay.bars import read_bars
from evergreen.replay.fits import Fits
from evergreen.replay.market import Market, build_market
from evergreen.replay.models import Models

Floats = NDArray[np.float64]
Loss = Callable[[Floats, Floats, Floats], float]

FOLDS = 7  # all that the sessions up to 2016-12 give


def squared(forecast: Floats, label: Floats, sigma: Floats) -> float:
    """Mean squared error."""
    return float(np.mean((label - forecast) ** 2))


def demeaned(forecast: Floats, label: Floats, sigma: Floats) -> float:
    """Of what is left when the session's means are taken out."""
    return squared(forecast - forecast.mean(), label - label.mean(), sigma)


def weighted(forecast: Floats, label: Floats, sigma: Floats) -> float:
    """Demeaned, each ticker in units of its own volatility."""
    return squared((forecast - forecast.mean()) / sigma, (label - label.mean()) / sigma, sigma)


def order(forecast: Floats, label: Floats, sigma: Floats) -> float:
    """1 - RankIC; 1 where the forecasts are all the same."""
    if np.ptp(forecast) == 0:
        return 1.0
    ranks = stats.rankdata(forecast), stats.rankdata(label)
    return 1.0 - float(np.corrcoef(*ranks)[0, 1])


LOSSES: dict[str, Loss] = {"squared": squared, "demeaned": demeaned, "weighted": weighted, "order": order}


def damaged(market: Market, models: Models, seed: int) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """A record's rows with the label's scale, and the forecasts of models that are worse by design."""
    last = len(market.sessions) - 1
    record = models.record(last).oos.reset_index(drop=True)
    rng = np.random.default_rng(seed)
    forecast = record["forecast"].to_numpy()
    day = pd.factorize(record["session"])[0]
    shuffled = np.concatenate([rng.permutation(forecast[day == each]) for each in range(day.max() + 1)])
    noise = rng.normal(size=len(forecast)) * forecast.std()
    variants = {
        "shuffled": shuffled,
        "flipped": -forecast,
        "zero": np.zeros_like(forecast),
        "half noise": (forecast + noise) / 2,
        "a fold older": stale(market, models),
    }
    scale = market.scale[-len(record) :]
    return record.assign(scale=scale, day=day), variants


def stale(market: Market, models: Models) -> Floats:
    """What each fold's predecessor forecasts of its sessions; the first fold has none and keeps its own."""
    panel = market.until(market.known(len(market.sessions) - 1))
    config = models.fits.config
    folds = folds_of(panel.sessions, config)
    stops = [len(folds[0].train), *(len(fold.train) for fold in folds[:-1])]
    parts = []
    for fold, stop in zip(folds, stops, strict=True):
        start = int(panel.sessions.searchsorted(fold.test[0]))
        parts.append(forecast_sessions(models.fits.before(stop), panel, start, start + len(fold.test)))
    return np.concatenate(parts)


def losses(rows: pd.DataFrame, forecast: Floats, loss: Loss) -> Floats:
    """By session."""
    label, sigma, day = (rows[name].to_numpy() for name in ("label", "scale", "day"))
    edges = np.searchsorted(day, np.arange(day.max() + 2))
    return np.array([loss(forecast[a:b], label[a:b], sigma[a:b]) for a, b in itertools.pairwise(edges)])


def table(rows: pd.DataFrame, variants: Mapping[str, Floats]) -> pd.DataFrame:
    """Mean over standard deviation of the record's advantage, by damage and statistic."""
    ours = {name: losses(rows, rows["forecast"].to_numpy(), loss) for name, loss in LOSSES.items()}
    shown = {}
    for what, forecast in variants.items():
        for name, loss in LOSSES.items():
            kind = Statistic.ORDER if loss is order else Statistic.SQUARED_ERROR
            r = difference(kind, losses(rows, forecast, loss), ours[name])
            r = r[r != 0]
            shown[what, name] = float(r.mean() / r.std())
    return pd.Series(shown).unstack()[list(LOSSES)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bars")
    parser.add_argument("--until", default="2016-12-30")
    parser.add_argument("--folder", type=Path, default=Path(".evergreen/statistics"))
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--every", type=int, default=1, help="take every so many tickers")
    options = parser.parse_args()
    end = pd.Timestamp(options.until)
    clean = read_bars(options.bars, "XNYS", end, end)
    names = sorted(clean.bars["ticker"].unique())[:: options.every]
    clean.bars.drop(clean.bars.index[~clean.bars["ticker"].isin(names)], inplace=True)
    market = build_market(clean, NEXT_RETURN, options.folder / "market")
    config = TrainingConfig(folds=options.folds, **suited(len(market.tickers)) | {"learner": "lightgbm"})  # type: ignore[arg-type]
    models = Models(market, Fits(market, config, options.folder / "fits"))
    rows, variants = damaged(market, models, seed=7)
    print(f"{len(market.tickers)} tickers, {rows['day'].max() + 1} sessions; mean over standard deviation of r")
    print(table(rows, variants).round(3).to_string())


if __name__ == "__main__":
    main()
