"""Feature rows in parts beside a Delta table and a file a year: what a session writes, what reading costs.

    pip install deltalake
    python -m benchmarks.parts [--tickers 500] [--sessions 252]

Each keeps 158 random float32 columns, a session at a time for a year: 500 tickers x 252 sessions are a hundredth of
5,000 x 10 years. Parts and the file a year look whether a row is stored already, as a delivery that comes again needs;
Delta only appends. Delta is partitioned by month and compacted once a month is over, its replaced files vacuumed, as
parts are. Bytes are those given to the system to write; seconds are processor time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks.session import bytes_written
from evergreen.adapters.feast import files
from evergreen.core.features import FEATURE_NAMES

RECENT = 61  # sessions that a session's features read


class Table(Protocol):
    """What is compared."""

    folder: Path

    def append(self, rows: pd.DataFrame) -> None:
        """Store a session."""

    def rows(self) -> ds.Dataset:
        """All that is stored."""

    def recent(self, since: pd.Timestamp) -> pa.Table:
        """All columns of the events from `since` on."""


class Parts:
    """Evergreen's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "parts"

    def append(self, rows: pd.DataFrame) -> None:
        """Store a session."""
        files.append(self.folder, rows)

    def rows(self) -> ds.Dataset:
        """All that is stored."""
        return files.stored(self.folder)

    def recent(self, since: pd.Timestamp) -> pa.Table:
        """All columns of the events from `since` on."""
        return files.read(self.folder, [*files.KEYS, *FEATURE_NAMES], since)


class Year:
    """One file, written again each session: what Evergreen had before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "year"
        self.folder.mkdir()
        self.file = self.folder / "year.parquet"

    def append(self, rows: pd.DataFrame) -> None:
        """Store a session."""
        new = pa.Table.from_pandas(rows, preserve_index=False)
        both = pa.concat_tables([pq.read_table(self.file), new]) if self.file.exists() else new
        pq.write_table(both, self.file, compression="zstd", use_dictionary=["ticker"], row_group_size=32_768)

    def rows(self) -> ds.Dataset:
        """All that is stored."""
        return ds.dataset(self.file)

    def recent(self, since: pd.Timestamp) -> pa.Table:
        """All columns of the events from `since` on."""
        return self.rows().to_table(filter=ds.field("event_timestamp") >= since)


class Delta:
    """A table of the library `deltalake`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.month = folder / "delta", ""

    def append(self, rows: pd.DataFrame) -> None:
        """Store a session; compact the month before when it begins a new one."""
        from deltalake import DeltaTable, write_deltalake  # type: ignore[import-not-found]  # a peer

        month = f"{rows['event_timestamp'].iloc[0]:%Y-%m}"
        table = pa.Table.from_pandas(rows.assign(month=month), preserve_index=False)
        write_deltalake(str(self.folder), table, mode="append", partition_by=["month"])
        if self.month and month != self.month:
            delta = DeltaTable(str(self.folder))
            delta.optimize.compact(partition_filters=[("month", "=", self.month)])
            delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
            delta.create_checkpoint()
        self.month = month

    def rows(self) -> ds.Dataset:
        """All that is stored."""
        from deltalake import DeltaTable

        return DeltaTable(str(self.folder)).to_pyarrow_dataset()

    def recent(self, since: pd.Timestamp) -> pa.Table:
        """All columns of the events from `since` on."""
        keep = (ds.field("month") >= f"{since:%Y-%m}") & (ds.field("event_timestamp") >= since)
        return self.rows().to_table(filter=keep)


def session(day: pd.Timestamp, tickers: int, rng: np.random.Generator) -> pd.DataFrame:
    """One session's rows."""
    keys = {"ticker": [f"S{number}" for number in range(tickers)], "event_timestamp": day, "created": day}
    values = rng.normal(size=(tickers, len(FEATURE_NAMES))).astype(np.float32)
    return pd.concat([pd.DataFrame(keys), pd.DataFrame(values, columns=list(FEATURE_NAMES))], axis=1)


def seconds(call: Callable[[], Any]) -> float:
    """Processor time of the quickest of three."""
    took = []
    for _ in range(3):
        began = time.process_time()
        call()
        took.append(time.process_time() - began)
    return min(took)


def measure(table: Table, days: pd.DatetimeIndex, tickers: int) -> dict[str, float]:
    """Write every session, then read."""
    rng, spent, written = np.random.default_rng(1), [], []
    for day in days:
        rows = session(day, tickers, rng)
        began, before = time.process_time(), bytes_written()
        table.append(rows)
        spent.append(time.process_time() - began)
        written.append((bytes_written() - before) / 1e6)
    assert table.rows().count_rows() == len(days) * tickers
    files_left = [path for path in table.folder.rglob("*") if path.is_file()]
    ticker = pc.field("ticker") == "S7"
    return {
        "MB a session, mean": float(np.mean(written)),
        "MB a session, most": max(written),
        "s a session, first 21": float(np.mean(spent[:21])),
        "s a session, last 21": float(np.mean(spent[-21:])),
        f"s, all columns of {RECENT} sessions": seconds(lambda: table.recent(days[-RECENT])),
        "s, a ticker's history": seconds(lambda: table.rows().to_table(filter=ticker)),
        "s, one column of all": seconds(lambda: table.rows().to_table(columns=["KMID"])),
        "files": len(files_left),
        "MB on disk": sum(path.stat().st_size for path in files_left) / 1e6,
    }


def main() -> None:
    """Print the three side by side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tickers", type=int, default=500)
    parser.add_argument("--sessions", type=int, default=252)
    arguments = parser.parse_args()
    days = pd.bdate_range("2020-01-02", periods=arguments.sessions).tz_localize("UTC").as_unit("us")
    kinds: dict[str, Callable[[Path], Table]] = {"parts": Parts, "Delta": Delta, "a file a year": Year}
    sides = {}
    for name, kind in kinds.items():
        with tempfile.TemporaryDirectory() as folder:
            sides[name] = measure(kind(Path(folder)), days, arguments.tickers)
    print(pd.DataFrame(sides).round(3).to_string())
    own = arguments.tickers * 4 * len(FEATURE_NAMES) / 1e6
    print(f"a session's own values: {own:.2f} MB")


if __name__ == "__main__":
    main()
