"""The peer of drift.py, run by an interpreter that has Evidently: pairs of windows in, shares of alarms out."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import pandas as pd


def main() -> None:
    """Judge pair 0, 1, ... of a folder with the default preset and print the shares that alarm, as JSON."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    warnings.simplefilter("ignore")
    folder, pairs = Path(sys.argv[1]), int(sys.argv[2])
    dataset = anything = 0
    started = time.perf_counter()
    for number in range(pairs):
        reference, current = (pd.read_parquet(folder / f"{number}.{name}.parquet") for name in ("reference", "current"))
        report = Report([DataDriftPreset()]).run(current, reference).dict()
        drifted = report["metrics"][0]["value"]
        dataset += drifted["share"] >= 0.5
        anything += drifted["count"] >= 1
    seconds = (time.perf_counter() - started) / pairs
    print(json.dumps({"dataset": dataset / pairs, "any column": anything / pairs, "seconds": seconds}))


if __name__ == "__main__":
    main()
