"""The peer of alpha158.py, run by an interpreter that has pyqlib: bars in, factors and figures out."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

FIELDS = ("open", "high", "low", "close", "volume", "vwap")


def store(bars: pd.DataFrame, root: Path) -> None:
    """Write Qlib's binary layout: a calendar, the instruments' spans, one float32 file per field."""
    days = pd.DatetimeIndex(np.sort(bars["session"].unique()))
    (root / "calendars").mkdir(parents=True)
    (root / "instruments").mkdir()
    (root / "calendars" / "day.txt").write_text("\n".join(days.strftime("%Y-%m-%d")) + "\n")
    spans = []
    for ticker, own in bars.groupby("ticker"):
        own = own.set_index("session").sort_index()
        begin, end = days.get_indexer(pd.DatetimeIndex([own.index[0], own.index[-1]]))
        spans.append(f"{ticker}\t{own.index[0].date()}\t{own.index[-1].date()}")
        folder = root / "features" / str(ticker).lower()
        folder.mkdir(parents=True)
        for field in FIELDS:
            values = own[field].reindex(days[begin : end + 1]).to_numpy()
            np.hstack([[begin], values]).astype("<f").tofile(folder / f"{field}.day.bin")
    (root / "instruments" / "all.txt").write_text("\n".join(spans) + "\n")


def main() -> None:
    """argv: bars, where the factors go, a folder to work in."""
    if len(sys.argv) != 4:
        print("nothing to do alone: alpha158.py runs this with --qlib")
        return
    given, written, folder = sys.argv[1:]
    root = Path(folder, "qlib")
    store(pd.read_parquet(given), root)

    import qlib
    from qlib.contrib.data.loader import Alpha158DL
    from qlib.data import D

    qlib.init(provider_uri=str(root), region="us", expression_cache=None, dataset_cache=None)
    formulas, names = Alpha158DL.get_feature_config()
    start = time.perf_counter()
    factors = D.features(D.instruments("all"), formulas, freq="day")
    seconds = time.perf_counter() - start
    factors.columns = names
    factors.index.names = ["ticker", "session"]
    factors.reset_index().to_parquet(written)
    sizes = [resource.getrusage(who).ru_maxrss / 1e6 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({"seconds": seconds, "gigabytes": max(sizes)}))


if __name__ == "__main__":
    main()
