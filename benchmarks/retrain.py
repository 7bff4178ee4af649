"""A whole retraining against Qlib's own workflow: same bars, factors, split and label, in one run.

    python benchmarks/retrain.py [--bars FILE.parquet] [--qlib PYTHON] [--horizon 1 5]

Without --bars, 100 simulated stocks of those years whose next return holds an IC of 0.03. Train to 2016-06, validate
(rounds) to 2016-12, test 2017-01 to 2018-02, one fit, nothing chosen on the test sessions. Ours: factors, notebook by
papermill with its pictures, a second fit on everything, MLflow, registry and a verified copy back. Theirs: factors,
fit, MLflow, forecasts and their analysis. Each a process of its own on two threads that do not spin while they wait;
wall time, processor time of all processes (which other work on the machine moves little) and the largest resident size
of any of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.adapters.models.folder import read_oos
from evergreen.core.bars.calendar import Calendar
from evergreen.core.dataset.labels import forward_return
from evergreen.core.evaluation.diebold_mariano import dm_test
from evergreen.core.evaluation.evaluate import evaluate
from evergreen.core.evaluation.metrics import rank_ic
from evergreen.core.market import simulate

HERE = Path(__file__).parent
FIRST, LAST = pd.Timestamp("2013-02-08"), pd.Timestamp("2018-02-07")
VALIDATION, TEST = pd.Timestamp("2016-07-01"), pd.Timestamp("2017-01-01")


def read_bars(path: Path) -> pd.DataFrame:
    """One bar a ticker and session."""
    bars = pd.read_parquet(path).rename(columns={"Name": "ticker", "date": "session"})
    return bars.assign(session=pd.to_datetime(bars["session"])).drop_duplicates(["ticker", "session"])


def measured(command: list[str], home: Path) -> dict[str, float]:
    """The figures a side printed last."""
    places = {"EVERGREEN_HOME": str(home / "home"), "MPLCONFIGDIR": str(home / "mpl")}
    environment = os.environ | places | {"OMP_WAIT_POLICY": "passive"}
    finished = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=HERE)
    figures: dict[str, float] = json.loads(finished.stdout.splitlines()[-1])
    return figures


def ours(bars: Path, folder: Path, horizon: int, days: pd.DatetimeIndex) -> tuple[dict[str, float], pd.DataFrame]:
    """Our cycle; the test window is what has a label from 2017 on."""
    labelled = days[: len(days) - horizon]
    sizes = [str(((labelled >= VALIDATION) & (labelled < TEST)).sum()), str((labelled >= TEST).sum())]
    figures = measured([sys.executable, "retrain_cycle.py", str(bars), str(folder), str(horizon), *sizes], folder)
    return figures, read_oos(folder / "run")


def theirs(python: str, bars: Path, folder: Path, horizon: int) -> tuple[dict[str, float], pd.DataFrame]:
    """Qlib's workflow."""
    forecasts = folder / "forecasts.parquet"
    figures = measured([python, "retrain_qlib.py", str(bars), str(forecasts), str(folder), str(horizon)], folder)
    return figures, pd.read_parquet(forecasts)


def judged(forecasts: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Forecast and outcome by ticker and session."""
    rows = forecasts.assign(session=forecasts["session"].astype("datetime64[us]")).set_index(["ticker", "session"])
    return rows[["forecast"]].join(labels, how="inner").dropna()


def line(name: str, horizon: int, figures: dict[str, float], rows: pd.DataFrame) -> str:
    """Cost and skill on the test sessions."""
    metrics = evaluate(rows.assign(lower=np.nan, upper=np.nan).reset_index())
    interval = f"{metrics['rank_ic_lower90']:+.4f} to {metrics['rank_ic_upper90']:+.4f}"
    return (
        f"{name:<10} h={horizon}  {figures['seconds']:6.1f} s  {figures['cpu']:6.1f} s of processor  "
        f"{figures['gigabytes']:.2f} GB  RankIC {metrics['rank_ic']:+.4f} (90 %: {interval})  "
        f"RankICIR {metrics['rank_icir']:+.3f}  {metrics['sessions']:.0f} sessions"
    )


def difference(horizon: int, ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Our daily RankIC less theirs on the sessions of both, with an interval that allows for autocorrelation."""
    mine, other = (rank_ic(rows["forecast"], rows["label"]) for rows in (ours, theirs))
    test = dm_test(mine.sub(other).dropna())
    lower, upper = test.interval(0.90)
    sure = "they differ" if lower > 0 or upper < 0 else "no measurable difference"
    return f"{'difference':<10} h={horizon}  RankIC {test.mean:+.4f} (90 %: {lower:+.4f} to {upper:+.4f}): {sure}"


def main() -> None:
    """Print both figures side by side for each horizon."""
    options = argparse.ArgumentParser()
    options.add_argument("--bars", type=Path)
    options.add_argument("--qlib")
    options.add_argument("--horizon", type=int, nargs="+", default=[1, 5])
    given = options.parse_args()
    bars = (
        read_bars(given.bars) if given.bars else simulate(100, Calendar("XNYS").sessions(FIRST, LAST), seed=1, ic=0.03)
    )
    bars = bars.assign(vwap=(bars["high"] + bars["low"] + bars["close"]) / 3)  # the typical price, for both
    days = pd.DatetimeIndex(np.sort(bars["session"].unique()))
    for horizon in given.horizon:
        labels = forward_return(bars, horizon).dropna()
        keys = labels.index.to_frame(index=False).astype({"session": "datetime64[us]"})
        labels.index = pd.MultiIndex.from_frame(keys)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "bars.parquet")
            bars.to_parquet(path)
            figures, forecasts = ours(path, Path(folder), horizon, days)
            own = judged(forecasts, labels)
            print(line("evergreen", horizon, figures, own), flush=True)
            if given.qlib:
                figures, forecasts = theirs(given.qlib, path, Path(folder), horizon)
                peer = judged(forecasts, labels)
                print(line("qlib", horizon, figures, peer), difference(horizon, own, peer), sep="\n", flush=True)


if __name__ == "__main__":
    main()
