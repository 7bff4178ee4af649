"""Feature rows on disk: a folder a view, append-only, in Parquet files that `bars.parts` names by days of events (UTC).

Rows are keyed by ticker, `event_timestamp` and `created`, sorted in the order event, ticker, created. A file
is written aside, flushed and renamed, so a reader or a crash never meets half of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evergreen.adapters.bars import parts
from evergreen.adapters.bars.writing import replace
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
    by_year = _by_year(_conform(rows))
    news = {parts.of_year(folder, year): _news(folder, of_year, first_stays) for year, of_year in by_year.items()}
    later = [rows for file, rows in news.items() if file.exists()]
    for file, of_year in news.items():
        if len(of_year) and not file.exists():
            _write(of_year, file)
    if any(map(len, later)):
        together = pa.concat_tables(later)
        _write(together, parts.following(folder, *_days(together)))
    parts.merge_finished(folder, _merge)
    return sum(map(len, news.values()))


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
    rows = stored(place, after, until)
    keep = ds.scalar(True)
    if after is not None:
        keep &= ds.field(event) >= moment(after, rows.schema.field(event).type)
    if until is not None:
        keep &= ds.field(event) <= moment(until, rows.schema.field(event).type)
    if known_at is not None and created is not None:
        keep &= ds.field(created) <= moment(known_at, rows.schema.field(created).type)
    return rows.to_table(columns=columns, filter=keep)


def stored(place: Path, after: pd.Timestamp | None = None, until: pd.Timestamp | None = None) -> ds.Dataset:
    """All rows of a Parquet file, or of the files in a folder that may hold events in [after, until].

    Raises:
        NotFound: nothing was ever written there.
    """
    files = [place] if place.is_file() else sorted(place.rglob("*.parquet"))
    if not files:
        raise NotFound(f"no feature rows in {place}.", "Ingest bars and write their features first.")
    first = parts.FIRST_DAY if after is None else _day(after)
    within = parts.standing(files, first, parts.LAST_DAY if until is None else _day(until))
    schema = ds.dataset(files[0], format="parquet").schema
    return ds.dataset([str(part.path) for part in within], schema=schema, format="parquet")


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
    names = [*KEYS, *(name for name in rows.columns if name not in KEYS)]
    types = {"ticker": pa.string(), "event_timestamp": INSTANT, "created": INSTANT}
    return pa.table([pa.array(rows[name], types.get(name), from_pandas=True) for name in names], names)


def _by_year(rows: pa.Table) -> dict[int, pa.Table]:
    years = pc.year(rows["event_timestamp"])
    each = sorted(pc.unique(years).to_pylist())
    return {year: rows.filter(pc.equal(years, year)) for year in each} if len(each) > 1 else dict.fromkeys(each, rows)


def _news(folder: Path, rows: pa.Table, first_stays: bool) -> pa.Table:
    """Of rows of one year those that say something new, in the files' order."""
    events = pc.min_max(rows["event_timestamp"]).as_py()
    before = _standing(folder, rows, pd.Timestamp(events["min"]), pd.Timestamp(events["max"]))
    both = pa.concat_tables([before, rows.select(before.column_names)])
    new = np.arange(len(both)) >= len(before)
    order = pc.sort_indices(both, sort_keys=_ORDER).to_numpy()
    both, new = both.take(pa.array(order)), new[order]
    fresh = new & ~_repeats(both, folder.name, first_stays)
    return both if fresh.all() else both.filter(pa.array(fresh))


def _standing(folder: Path, like: pa.Table, after: pd.Timestamp, until: pd.Timestamp) -> pa.Table:
    """The rows stored of events in [after, until], with their columns in the files' order."""
    if not any(folder.glob("*.parquet")):
        return like.slice(0, 0)
    return read(folder, stored(folder).schema.names, after, until)


def _days(rows: pa.Table) -> tuple[str, str]:
    events = pc.min_max(rows["event_timestamp"]).as_py()
    return _day(pd.Timestamp(events["min"])), _day(pd.Timestamp(events["max"]))


def _day(instant: pd.Timestamp) -> str:
    return instant.tz_convert("UTC").strftime("%Y-%m-%d")


def _repeats(rows: pa.Table, view: str, first_stays: bool) -> NDArray[np.bool_]:
    """Where a row has the values of the version before it; refuses two versions under one `created`."""
    pair = _equals_previous(rows.select(KEYS[:2]))
    if not pair.any():
        return pair
    same = pair & _equals_previous(rows.drop_columns(KEYS))
    again = pair & _equals_previous(rows.select(["created"]))
    clash = np.flatnonzero(again & ~same)
    if first_stays:
        return same | again
    if clash.size:
        where = {name: rows[name][int(clash[0])].as_py() for name in KEYS}
        raise Conflict(
            f"{view} of {where['ticker']} at {where['event_timestamp']} is stored otherwise.",
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


def _merge(paths: Sequence[Path], target: Path) -> None:
    _write_file(pa.concat_tables([pq.read_table(path, partitioning=None) for path in paths]).sort_by(_ORDER), target)


def _write(rows: pa.Table, file: Path) -> None:
    parts.remove_merged(file.parent)
    _write_file(rows, file)


def _write_file(rows: pa.Table, file: Path) -> None:
    """With no more in the footer than a reader uses: of four tickers it would be twice what the values are."""

    def write(draft: Path) -> None:
        options = {"compression": "zstd", "use_dictionary": KEYS[:1], "row_group_size": 32_768}
        pq.write_table(rows, draft, write_statistics=KEYS, store_schema=False, **options)

    replace(file, write, file.parents[1] / ".aside")


def text(instants: pd.Series[pd.Timestamp], form: str) -> pd.Series[str]:
    """Each instant in a form, written once however many rows have it: a session has a row for each ticker."""
    codes, distinct = pd.factorize(instants)
    return pd.Series(pd.DatetimeIndex(distinct).strftime(form).to_numpy()[codes], index=instants.index)
