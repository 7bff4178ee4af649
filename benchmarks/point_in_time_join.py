"""The training join through Feast: our offline store, Feast's own DuckDB store, and a bare DuckDB ASOF join.

    python benchmarks/point_in_time_join.py [--features 30 158] [--tickers 505] [--sessions 4950] [--feast-tickers 101]

Each contender reads the same Parquet rows in a process of its own and ends with the same pandas frame; what is
timed is the join, imports and set-up apart. Feast's store holds every pair of an entity row and an earlier
feature row within the TTL before it picks one, so beyond 30 features it runs on `--feast-tickers` of the tickers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 32_768
TTL = timedelta(days=10)
OURS, FEAST, BARE = "evergreen", "feast duckdb", "bare asof join"
STORES = {
    OURS: {"type": "evergreen.adapters.feast.offline.AsOfOfflineStore"},
    FEAST: {"type": "duckdb"},
}


def make_rows(folder: Path, tickers: int, sessions: int, features: int) -> None:
    """A file of feature rows, one a ticker and session, in the order of their event."""
    rng = np.random.default_rng(4)
    days = pd.bdate_range("2000-01-03", periods=sessions).as_unit("us") + pd.Timedelta(hours=21)
    names = np.array([f"T{i:03d}" for i in range(tickers)])
    closes = np.repeat(days.to_numpy(), tickers)
    keys = {
        "ticker": pa.array(np.tile(names, sessions)),
        "event_timestamp": pa.array(closes, pa.timestamp("us", tz="UTC")),
        "created": pa.array(closes + np.timedelta64(30, "m"), pa.timestamp("us", tz="UTC")),
    }
    values = {f"f{i}": rng.standard_normal(len(closes), dtype=np.float32) for i in range(features)}
    folder.mkdir(parents=True)
    table = pa.table(keys | {name: pa.array(column) for name, column in values.items()})
    pq.write_table(table, folder / "rows.parquet", compression="zstd", row_group_size=ROW_GROUP)
    entities = pd.DataFrame({"ticker": keys["ticker"].to_numpy(False), "event_timestamp": closes})
    entities["event_timestamp"] = entities["event_timestamp"].dt.tz_localize("UTC") + pd.Timedelta(hours=12)
    entities.sort_values(["ticker", "event_timestamp"], ignore_index=True).to_parquet(folder / "entities.parquet")


def through_feast(store: str, folder: Path, features: int) -> Callable[[], pd.DataFrame]:
    """The join through Feast's API with an offline store of the given kind."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Float32

    source = FileSource(
        name="rows",
        path=str(folder / "rows.parquet"),
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )
    schema = [Field(name=f"f{i}", dtype=Float32) for i in range(features)]
    ticker = Entity(name="ticker", join_keys=["ticker"], value_type=ValueType.STRING)
    view = FeatureView(name="view", entities=[ticker], schema=schema, source=source, ttl=TTL)
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=str(folder / f"{store}.db"),
        offline_store=STORES[store],
        online_store=None,
        entity_key_serialization_version=3,
    )
    feast = FeatureStore(config=config)
    feast.apply([ticker, view])
    names = [f"view:f{i}" for i in range(features)]
    entities = pd.read_parquet(folder / "entities.parquet")
    return lambda: feast.get_historical_features(entity_df=entities, features=names).to_df()


def bare(folder: Path, features: int) -> Callable[[], pd.DataFrame]:
    """What DuckDB needs for the join alone: no versions, no TTL."""
    import duckdb

    connection = duckdb.connect()
    connection.register("wanted", pd.read_parquet(folder / "entities.parquet"))
    names = ", ".join(f"rows.f{i}" for i in range(features))
    query = f"""
        select wanted.*, {names} from wanted asof left join read_parquet('{folder}/rows.parquet') as rows
        on wanted.ticker = rows.ticker and wanted.event_timestamp >= rows.event_timestamp"""
    return lambda: connection.sql(query).df()


def contend(contender: str, folder: Path, features: int) -> dict[str, Any]:
    """Seconds, peak memory (GB) and what the answer adds up to, of this process."""
    join = bare(folder, features) if contender == BARE else through_feast(contender, folder, features)
    before = peak_gigabytes()
    start = time.perf_counter()
    joined = join()
    seconds = time.perf_counter() - start
    total = float(sum(np.nansum(joined[f"f{i}"].to_numpy(np.float64)) for i in range(features)))
    return {
        "seconds": seconds,
        "before": before,
        "peak": peak_gigabytes(),
        "rows": len(joined),
        "total": round(total, 3),
    }


def peak_gigabytes() -> float:
    """Largest resident size of this process so far; getrusage would count what its parent held, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e6


def child(contender: str, folder: Path, features: int) -> dict[str, Any]:
    """`contend` in a process of its own."""
    command = [sys.executable, __file__, "--contend", contender, str(folder), str(features)]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    print(
        f"{contender:15s} {figures['rows']:>9,} rows x {features:<3d} {figures['seconds']:7.2f} s"
        f"   peak {figures['peak']:.2f} GB, {figures['before']:.2f} GB before the join",
        flush=True,
    )
    return figures


def compete(options: argparse.Namespace, features: int) -> None:
    """Print all contenders at one width, and whether they agree."""
    with tempfile.TemporaryDirectory() as place:
        folder, smaller = Path(place, "rows"), Path(place, "smaller")
        make_rows(folder, options.tickers, options.sessions, features)
        ours, plain = child(OURS, folder, features), child(BARE, folder, features)
        print(f"ours / bare: {ours['seconds'] / plain['seconds']:.2f}   equal: {ours['total'] == plain['total']}")
        if features > 30:
            make_rows(smaller, options.feast_tickers, options.sessions, features)
            folder, ours = smaller, child(OURS, smaller, features)
        theirs = child(FEAST, folder, features)
        print(f"feast / ours: {theirs['seconds'] / ours['seconds']:.1f}   equal: {ours['total'] == theirs['total']}\n")


def main() -> None:
    """Compete at each width."""
    if sys.argv[1:2] == ["--contend"]:
        contender, folder, features = sys.argv[2:]
        print(json.dumps(contend(contender, Path(folder), int(features))))
        return
    options = argparse.ArgumentParser()
    options.add_argument("--features", type=int, nargs="+", default=[30, 158])
    options.add_argument("--tickers", type=int, default=505)
    options.add_argument("--sessions", type=int, default=4950)
    options.add_argument("--feast-tickers", type=int, default=101)
    given = options.parse_args()
    for features in given.features:
        compete(given, features)


if __name__ == "__main__":
    main()
