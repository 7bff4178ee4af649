"""Feature rows on disk: one Parquet file per view and year of the event, append-only.

Rows are keyed by ticker, `event_timestamp` and `created`, sorted in the order event, ticker, created. A file
is written aside, flushed and renamed, so a reader or a crash never meets half of one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evergreen.errors import Conflict, NotFound

KEYS = ["ticker", "event_timestamp", "created"]
_ORDER = [("event_timestamp", "ascending"), ("ticker", "ascending"), ("created", "ascending")]
INSTANT = pa.timestamp("us", tz="UTC")


def append(folder: Path, rows: pd.DataFrame, first_stays: bool = False) -> int:
    """Add the rows that say something new; the number added.

    A row whose values equal the newest version already stored for its ticker and event is not stored again.

    Args:
        folder: of the view.
        rows: KEYS and the values.
        first_stays: a row stored under the same `created` with other values stays, and nothing is raised.

    Raises:
        Conflict: a version stored under the same `created` has other values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = _conform(rows)
    years = pc.year(table["event_timestamp"])
    distinct = sorted(pc.unique(years).to_pylist())
    return sum(_append_year(folder, year, table.filter(pc.equal(years, year)), first_stays) for year in distinct)


def read(
    place: Path,
    columns: list[str],
    after: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
    known_at: pd.Timestamp | None = None,
    event: str = "event_timestamp",
    created: str | None = "created",
) -> pa.Table:
    """Those columns of the rows of events in [after, until] created by `known_at`, all versions.

    Raises:
        NotFound: nothing was ever written there.
    """
    rows = stored(place)
    keep = ds.scalar(True)
    if after is not None:
        keep &= ds.field(event) >= moment(after, rows.schema.field(event).type)
    if until is not None:
        keep &= ds.field(event) <= moment(until, rows.schema.field(event).type)
    if known_at is not None and created is not None:
        keep &= ds.field(created) <= moment(known_at, rows.schema.field(created).type)
    return rows.to_table(columns=columns, filter=keep)


def stored(place: Path) -> ds.Dataset:
    """All rows of a Parquet file, or of the files in a folder.

    Raises:
        NotFound: nothing was ever written there.
    """
    files = [str(place)] if place.is_file() else sorted(map(str, place.rglob("*.parquet")))
    if not files:
        raise NotFound(f"no feature rows in {place}.", "Ingest bars and write their features first.")
    return ds.dataset(files, format="parquet")


def moment(instant: pd.Timestamp, kind: pa.DataType) -> pa.Scalar:
    """An instant to compare a column of that type with; a zoneless column is in UTC, as Feast has it."""
    zoneless = pa.types.is_timestamp(kind) and kind.tz is None
    return pa.scalar(instant.tz_convert("UTC").tz_localize(None) if zoneless else instant, kind)


def newest(rows: pa.Table, keys: Sequence[str] = KEYS[:1], instants: Sequence[str] = KEYS[1:]) -> pa.Table:
    """The last known version of the last event of each key."""
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in [*keys, *instants]])
    again = _equals_previous(rows.select(keys).take(order))
    last = np.flatnonzero(~np.append(again[1:], False)) if len(rows) else np.array([], int)
    return rows.take(order.take(pa.array(last)))


def _conform(rows: pd.DataFrame) -> pa.Table:
    values = [name for name in rows.columns if name not in KEYS]
    table = pa.Table.from_pandas(rows[[*KEYS, *values]], preserve_index=False).replace_schema_metadata(None)
    types = {"ticker": pa.string(), "event_timestamp": INSTANT, "created": INSTANT}
    return table.cast(pa.schema([(f.name, types.get(f.name, f.type)) for f in table.schema]))


def _append_year(folder: Path, year: int, rows: pa.Table, first_stays: bool) -> int:
    file = folder / f"year={year}.parquet"
    stored = pq.read_table(file) if file.exists() else rows.slice(0, 0)
    merged = pa.concat_tables([stored, rows.select(stored.column_names)])
    new = np.arange(len(merged)) >= len(stored)
    order = pc.sort_indices(merged, sort_keys=_ORDER).to_numpy()
    merged, new = merged.take(pa.array(order)), new[order]
    keep = ~(new & _repeats(merged, file, first_stays))
    if not (keep & new).any():
        return 0
    _replace(merged.filter(pa.array(keep)), file)
    return int((keep & new).sum())


def _repeats(rows: pa.Table, file: Path, first_stays: bool) -> NDArray[np.bool_]:
    """Where a row has the values of the version before it; refuses two versions under one `created`."""
    pair = _equals_previous(rows.select(KEYS[:2]))
    same = pair & _equals_previous(rows.drop_columns(KEYS))
    again = pair & _equals_previous(rows.select(["created"]))
    clash = np.flatnonzero(again & ~same)
    if first_stays:
        return same | again
    if clash.size:
        where = {name: rows[name][int(clash[0])].as_py() for name in KEYS}
        raise Conflict(
            f"{file.parent.name} of {where['ticker']} at {where['event_timestamp']} is stored otherwise.",
            f"A correction needs a known_at of its own, later than {where['created']}.",
        )
    return same


def _equals_previous(rows: pa.Table) -> NDArray[np.bool_]:
    equal = np.ones(max(len(rows) - 1, 0), dtype=bool)
    for column in rows.columns:
        values = column.combine_chunks()
        now, before = values.slice(1), values.slice(0, max(len(values) - 1, 0))
        both_null = pc.and_(pc.is_null(now), pc.is_null(before))
        equal &= pc.or_(pc.fill_null(pc.equal(now, before), False), both_null).to_numpy(zero_copy_only=False)
    return np.append(False, equal)[: len(rows)]


def _replace(table: pa.Table, file: Path) -> None:
    aside = file.with_suffix(".tmp")
    with aside.open("wb") as out:
        pq.write_table(table, out, compression="zstd", use_dictionary=["ticker"], row_group_size=32_768)
        out.flush()
        os.fsync(out.fileno())
    aside.replace(file)
