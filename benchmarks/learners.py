"""Every learner walked forward over the same windows, side by side, and each paired with today's LightGBM.

    python benchmarks/learners.py [--bars FILE.parquet --end 2016-12-30 --folds 5 --test-size 126] [--horizon 1]
        [--learner "ridge 1" --learner blend] [--qlib PYTHON]

Without --learner, those of TRIED, each a learner and its ridge_penalty. Without --bars, the packaged sample's four
stocks. Sessions after --end are not read. RankIC, its ICIR and its t by the cosine variance; seconds of all fits and
forecasts, and the largest resident size, each in a process of its own.

With --qlib, an interpreter that has pyqlib, its workflow (factors, fits and records) walks the same windows, its
rounds chosen on the half-year before each, nothing purged, as its published recipe has it; all are paired with it too.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from evergreen.core.bars.session import iso
from evergreen.core.dataset.labels import forward_return
from evergreen.core.dataset.panel import Panel, labelled_panel, training_frame
from evergreen.core.dataset.splits import Fold, walk_forward
from evergreen.core.evaluation.diebold_mariano import dm_test
from evergreen.core.evaluation.metrics import icir, rank_ic
from evergreen.core.features import alpha158
from evergreen.core.model.breadth import suited
from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.fitting import forecast_sessions
from evergreen.core.model.registry import learner

TRIED = (
    "lightgbm",
    "ranked_lightgbm",
    "ridge 0.01",
    "ridge 0.1",
    "ridge 1",
    "blend 0.1",
    "blend 1",
)  # learner and ridge_penalty


QLIB = "qlib"
VALIDATION = 126  # sessions before a window on which Qlib chooses its rounds, as benchmarks/retrain.py has it


def read_bars(options: argparse.Namespace) -> pd.DataFrame:
    """The bars up to the end."""
    if options.bars:
        bars = pd.read_parquet(options.bars).rename(columns={"Name": "ticker", "date": "session"})
        bars = bars.assign(session=pd.to_datetime(bars["session"])).drop_duplicates(["ticker", "session"])
        upto: pd.DataFrame = bars[bars["session"] <= options.end]
        return upto
    from evergreen.research.sample import accepted_sample_bars

    return accepted_sample_bars(pd.Timestamp(options.end), ["AAPL", "IBM", "MSFT", "GOOG"])


def walk_forward_folds(panel: Panel, options: argparse.Namespace) -> list[Fold]:
    """The windows that all walk."""
    return walk_forward(panel.sessions, options.folds, options.test_size, options.horizon, min_train=250)


def walk(options: argparse.Namespace) -> None:
    """Print figures and each session's RankIC of one learner over all windows."""
    name, _, penalty = options.only.partition(" ")
    bars = read_bars(options)
    panel = labelled_panel(training_frame(alpha158(bars), forward_return(bars, options.horizon)))
    del bars
    config = TrainingConfig(**{"horizon": options.horizon, "num_threads": 2} | suited(len(set(panel.tickers))))
    config = replace(config, ridge_penalty=float(penalty or 0.1))
    folds = walk_forward_folds(panel, options)
    starts = [int(panel.sessions.searchsorted(fold.test[0])) for fold in folds]
    stops = [len(fold.train) for fold in folds]
    begun, by_fold = time.perf_counter(), []
    for fit, start in zip(learner(name).fits(panel, stops, config), starts, strict=True):
        stop = start + options.test_size
        index = pd.MultiIndex.from_frame(panel.keys(start, stop))
        forecast = pd.Series(forecast_sessions(fit, panel, start, stop, 2), index=index)
        by_fold.append(rank_ic(forecast, pd.Series(panel.label[panel.rows(start, stop)], index=index)))
    seconds = time.perf_counter() - begun
    figures = {"seconds": seconds, "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}
    report(figures, pd.concat(by_fold))


def walk_qlib(options: argparse.Namespace) -> None:
    """The same of Qlib's workflow, on the rows whose outcome is known here."""
    bars = read_bars(options)
    labels = forward_return(bars, options.horizon).dropna()
    panel = labelled_panel(training_frame(labels.to_frame("unused"), labels))
    windows = [segments(panel.sessions, fold) for fold in walk_forward_folds(panel, options)]
    with tempfile.TemporaryDirectory() as folder:
        given, forecasts = Path(folder, "bars.parquet"), Path(folder, "forecasts.parquet")
        bars.assign(vwap=(bars["high"] + bars["low"] + bars["close"]) / 3).to_parquet(given)  # the typical price
        program = [options.qlib, "retrain_qlib.py", str(given), str(forecasts), folder]
        command = [*program, str(options.horizon), json.dumps(windows)]
        ran = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parent)
        figures, rows = json.loads(ran.stdout.splitlines()[-1]), pd.read_parquet(forecasts)
    series = rows.set_index(["ticker", "session"])["forecast"]
    report(figures, rank_ic(series, labels.reindex(series.index)))


def segments(sessions: pd.DatetimeIndex, fold: Fold) -> dict[str, tuple[str, str]]:
    """A window as Qlib takes it: everything before its validation is trained on."""
    start = int(sessions.searchsorted(fold.test[0]))
    ends = {"train": (0, start - VALIDATION - 1), "valid": (start - VALIDATION, start - 1)}
    named = {name: (iso(sessions[first]), iso(sessions[last])) for name, (first, last) in ends.items()}
    return named | {"test": (iso(fold.test[0]), iso(fold.test[-1]))}


def report(figures: dict[str, float], by_session: pd.Series) -> None:
    """What `measured` reads; a session whose forecasts have no order counts as RankIC 0."""
    print(json.dumps(figures | {"rank_ic": by_session.fillna(0.0).to_json(date_format="iso")}))


def measured(label: str) -> tuple[dict[str, float], pd.Series]:
    """Figures and RankIC by session, from a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--only", label]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    figures = json.loads(ran.stdout.splitlines()[-1])
    return figures, pd.read_json(io.StringIO(figures.pop("rank_ic")), typ="series")


def windows_parser(description: str | None) -> argparse.ArgumentParser:
    """What says which bars are walked, and over which windows."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", type=Path)
    parser.add_argument("--end", default="2008-06-30")
    parser.add_argument("--folds", type=int, default=8)
    parser.add_argument("--test-size", type=int, default=63)
    parser.add_argument("--horizon", type=int, default=1)
    return parser


def main() -> None:
    """Walk all of them and print two tables."""
    parser = windows_parser(__doc__)
    parser.add_argument("--learner", action="append", help="the first is what the others are paired with")
    parser.add_argument("--qlib", help="an interpreter that has pyqlib")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        return walk_qlib(options) if options.only == QLIB else walk(options)
    learners = list(options.learner or TRIED)
    paired_with: dict[str, pd.Series] = {}
    for label in [*([QLIB] if options.qlib else []), *learners]:
        figures, values = measured(label)
        test = dm_test(values)
        line = f"{label:15} RankIC {values.mean():+.4f}  ICIR {icir(values):+.3f}  t {test.statistic:+5.1f}  "
        line += f"{figures['seconds']:6.1f} s  {figures['gigabytes']:.2f} GB  {test.sessions} sessions"
        for name, theirs in paired_with.items():
            pair = dm_test(values.sub(theirs).dropna())
            lower, upper = pair.interval(0.95)
            line += f"  less {name} {pair.mean:+.4f} (95 %: {lower:+.4f} to {upper:+.4f})"
        print(line, flush=True)
        if label in (QLIB, learners[0]):
            paired_with[label] = values
    return None


if __name__ == "__main__":
    main()
