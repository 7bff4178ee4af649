"""The whole validation of three million bars, beside Great Expectations alone on the row rules.

    python -m benchmarks.validation [--tickers 600] [--years 20] [--alone]

Each runs in a process of its own that reads the bars from a file, so that its peak memory is its own. The peer gets
the same bars and the row rules as its users write them: not null, between, pairs of columns, a compound key. Its
answers are compared on the same twenty broken bars.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from evergreen.core.bars.schema import PRICES
from evergreen.core.market import simulate

Figures = dict[str, Any]


def broken_market(tickers: int, years: int) -> pd.DataFrame:
    """A simulated market in which twenty bars have their high below their low."""
    bars = simulate(tickers, years * 252, seed=5)
    rows = np.random.default_rng(6).choice(len(bars), 20, replace=False)
    bars.loc[rows, ["high", "low"]] = bars.loc[rows, ["low", "high"]].to_numpy() * [0.99, 1.01]
    return bars


def ours(bars: pd.DataFrame) -> Figures:
    """Every rule, through the gate."""
    from evergreen.adapters.gx import validate
    from evergreen.core.bars.calendar import Calendar

    begun, worked = time.perf_counter(), time.process_time()
    report = validate(bars, Calendar("XNYS").sessions(bars["session"].min(), bars["session"].max()))
    wrong = {(finding.ticker, finding.session) for finding in report.findings if finding.severity != "warn"}
    return _spent(begun, worked) | {"bars": len(wrong), "rules": _rules()}


def peer(bars: pd.DataFrame) -> Figures:
    """The row rules alone, as expectations on the columns themselves."""
    import great_expectations as gx
    import great_expectations.expectations as gxe

    context = gx.get_context(mode="ephemeral")
    batch = context.data_sources.add_pandas("bars").add_dataframe_asset("all").add_batch_definition_whole_dataframe("b")
    suite = context.suites.add(gx.ExpectationSuite("rows"))
    numbers = (*PRICES, "volume", "factor")
    expected = [gxe.ExpectColumnValuesToNotBeNull(column=name) for name in ("ticker", "session", *numbers)]
    expected += [gxe.ExpectColumnValuesToBeBetween(column=name, min_value=0, strict_min=True) for name in PRICES]
    expected += [gxe.ExpectColumnValuesToBeBetween(column="volume", min_value=0)]
    pairs = [("high", name) for name in ("open", "close", "low")] + [(name, "low") for name in ("open", "close")]
    expected += [gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A=a, column_B=b, or_equal=True) for a, b in pairs]
    expected += [gxe.ExpectCompoundColumnsToBeUnique(column_list=["ticker", "session"])]
    for one in expected:
        suite.add_expectation(one)
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="rows", data=batch, suite=suite))
    begun, worked = time.perf_counter(), time.process_time()
    outcome = definition.run(batch_parameters={"dataframe": bars}, result_format="SUMMARY")
    counts = [judgement.result.get("unexpected_count", 0) for judgement in outcome.results]
    return _spent(begun, worked) | {"bars": max(counts), "rules": len(expected)}


def _spent(begun: float, worked: float) -> Figures:
    return {"seconds": time.perf_counter() - begun, "processor": time.process_time() - worked}


def _rules() -> int:
    from evergreen.core.quality import RULES

    return len(RULES)


def measure(who: str, file: Path) -> Figures:
    """Run one of them in a fresh process."""
    process = subprocess.run([*THIS, "--only", who, "--file", str(file)], check=True, capture_output=True, text=True)
    figures: Figures = json.loads(process.stdout.splitlines()[-1])
    return figures


def only(who: str, file: Path) -> Figures:
    """One of them in this process; memory in GB with the bars in it, and at most while they are judged."""
    bars = pd.read_parquet(file)
    pa.default_memory_pool().release_unused()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = _memory("VmRSS")
    figures = {"ours": ours, "peer": peer}[who](bars)
    return figures | {"before": before, "peak": _memory("VmHWM"), "size": len(bars)}


def _memory(name: str) -> float:
    """A line of the system's account of this process, in GB."""
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) * 1024 / 1e9


def main() -> None:
    """Print both figures side by side."""
    options = argparse.ArgumentParser()
    options.add_argument("--tickers", type=int, default=600)
    options.add_argument("--years", type=int, default=20)
    options.add_argument("--alone", action="store_true", help="without the peer")
    options.add_argument("--only", choices=("ours", "peer"), help=argparse.SUPPRESS)
    options.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.only:
        print(json.dumps(only(given.only, given.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bars.parquet"
        broken_market(given.tickers, given.years).to_parquet(file)
        for who, name in list(NAMES.items())[: 1 if given.alone else None]:
            figures = measure(who, file)
            print(
                f"{name:<31} {figures['size']:,} bars  {figures['rules']:>2} rules  {figures['seconds']:5.1f} s "
                f"({figures['processor']:.1f} s of processor)  peak {figures['peak']:.2f} GB "
                f"({figures['before']:.2f} GB of it before)  {figures['bars']} bars refused of 20 broken",
                flush=True,
            )


THIS = (sys.executable, "-m", "benchmarks.validation")
NAMES = {"ours": "evergreen, all rules", "peer": "Great Expectations, row rules"}


if __name__ == "__main__":
    main()
