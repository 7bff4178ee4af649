"""alpha158 against Qlib on the same bars, in one run.

    python benchmarks/alpha158.py [--bars FILE.parquet] [--qlib PYTHON]

Without --bars, 505 random walks of 1,226 sessions. --qlib names an interpreter of an environment that has
pyqlib 0.9.7 (`python -m venv qlib && qlib/bin/pip install pyqlib==0.9.7`): the peer's time is that of its
factor expressions alone, on all processors, its data on disk already.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.core.features import FEATURE_NAMES, LOOKBACK, alpha158

PEER = Path(__file__).with_name("alpha158_qlib.py")


def random_walks(tickers: int = 505, sessions: int = 1226) -> pd.DataFrame:
    """Bars of a market without memory."""
    rng = np.random.default_rng(158)
    close = 50 * np.exp(np.cumsum(rng.standard_t(4, (tickers, sessions)) * 0.012, axis=1))
    opening = close * np.exp(rng.normal(0, 0.006, close.shape))
    columns = {
        "open": opening,
        "high": np.maximum(opening, close) * 1.004,
        "low": np.minimum(opening, close) * 0.996,
        "close": close,
        "volume": np.exp(rng.normal(13, 0.5, close.shape)).round(),
    }
    values = {name: column.ravel() for name, column in columns.items()}
    days = pd.bdate_range("2013-02-08", periods=sessions).as_unit("us")
    names = [f"T{i:03d}" for i in range(tickers)]
    keys = {"ticker": np.repeat(names, sessions), "session": np.tile(days, tickers)}
    return pd.DataFrame(keys | values)


def as_qlib_stores(bars: pd.DataFrame) -> pd.DataFrame:
    """The same bars rounded to float32, so that both compute from the same numbers."""
    numbers = ["open", "high", "low", "close", "volume"]
    return bars.assign(**bars[numbers].astype(np.float32).astype(np.float64))


def peak_gigabytes() -> float:
    """Largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def timed(bars: pd.DataFrame, since: pd.Timestamp | None = None) -> tuple[float, pd.DataFrame]:
    """Seconds, and the factors."""
    start = time.perf_counter()
    factors = alpha158(bars, since=since)
    return time.perf_counter() - start, factors


def new_session(tail: pd.DataFrame, session: pd.Timestamp, whole: pd.DataFrame) -> None:
    """Print what the factors of one more session take, given the bars they read, and whether they are the batch's."""
    seconds, alone = min((timed(tail, session) for _ in range(3)), key=lambda each: each[0])
    equal = alone.to_numpy().tobytes() == whole.loc[alone.index].to_numpy().tobytes()
    share = seconds / timed(tail)[0]
    print(
        f"evergreen  one new session of {len(alone)} tickers  {seconds:.3f} s ({share:.0%} of its {LOOKBACK} sessions)"
    )
    print(f"evergreen  equal to the batch bit for bit: {equal}")


def peer(python: str, bars: pd.DataFrame) -> tuple[dict[str, float], pd.DataFrame]:
    """What Qlib needed and what it found."""
    with tempfile.TemporaryDirectory() as folder:
        given, factors = Path(folder, "bars.parquet"), Path(folder, "factors.parquet")
        typical = (bars["high"] + bars["low"] + bars["close"]) / 3
        bars.assign(vwap=typical).to_parquet(given)
        command = [python, str(PEER), str(given), str(factors), folder]
        process = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(process.stdout.splitlines()[-1]), pd.read_parquet(factors)


def agreement(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Share of values that are equal (relative 1e-4, or 1e-6 near zero, missing in the same places)."""
    theirs["session"] = theirs["session"].astype("datetime64[us]")
    other = theirs.set_index(["ticker", "session"]).reindex(ours.index)
    shares = [np.isclose(ours[x], other[x], rtol=1e-4, atol=1e-6, equal_nan=True).mean() for x in FEATURE_NAMES]
    worst = int(np.argmin(shares))
    return f"equal: {np.mean(shares):.6%} of values; worst factor {FEATURE_NAMES[worst]} {shares[worst]:.4%}"


def main() -> None:
    """Print both figures side by side."""
    options = argparse.ArgumentParser()
    options.add_argument("--bars", type=Path)
    options.add_argument("--qlib")
    given = options.parse_args()
    bars = random_walks() if given.bars is None else pd.read_parquet(given.bars)
    bars = bars.rename(columns={"Name": "ticker", "date": "session"}).drop_duplicates(["ticker", "session"])
    bars = as_qlib_stores(bars)
    first, _ = timed(bars[bars["ticker"] == bars["ticker"].iloc[0]])
    seconds, ours = timed(bars)
    print(f"evergreen  first call of the process, compiled code loaded or made  {first:.2f} s")
    print(f"evergreen  {len(bars):,} bars  {seconds:.2f} s  peak {peak_gigabytes():.2f} GB")
    days = np.sort(bars["session"].unique())
    new_session(bars[bars["session"] >= days[-LOOKBACK]], pd.Timestamp(days[-1]), ours)
    if given.qlib is None:
        print("qlib       not measured: --qlib PYTHON", file=sys.stderr)
        return
    figures, theirs = peer(given.qlib, bars)
    ratio = figures["seconds"] / seconds
    print(f"qlib       {figures['seconds']:.2f} s  peak {figures['gigabytes']:.2f} GB  {ratio:.1f} times ours")
    print(agreement(ours, theirs))


if __name__ == "__main__":
    main()
