"""The prediction log as Parquet, and what may be let go once it is there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Float, Integer, Select, delete, func, select

from evergreen.adapters.database.engine import reading, writing
from evergreen.adapters.database.predictions import Prediction
from evergreen.adapters.database.rollouts import read as read_rollout
from evergreen.adapters.database.schema import prediction
from evergreen.adapters.database.types import UtcTime
from evergreen.core.bars.session import Session, iso
from evergreen.errors import BadInput, Broken, NotFound

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 20_000  # rows in memory at once
LATENCY_BEFORE = "took_us"  # what files written before 0005_latency call `latency_us`


@dataclass(frozen=True)
class Archived:
    """A file with `rows` predictions, those of sessions `first` to `last` (ISO dates)."""

    path: Path
    rows: int
    first: str
    last: str


def export(engine: Engine, folder: Path, before: Session | None = None) -> Archived | None:
    """Write the predictions of sessions before `before` (all if None) to one Parquet file; None if there are none.

    The file has the columns of the table, times in UTC to the microsecond, and is whole or not there at all.
    """
    which = prediction.c.as_of < iso(before) if before is not None else prediction.c.as_of.is_not(None)
    with reading(engine) as conn:
        first, last = conn.execute(
            select(func.min(prediction.c.as_of), func.max(prediction.c.as_of)).where(which)
        ).one()
    if first is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    aside = folder / f".predictions-{os.getpid()}.tmp"
    rows, newest = _write(engine, select(prediction).where(which).order_by(prediction.c.id), aside)
    path = folder / f"predictions-{first}-{last}-{newest}.parquet"
    aside.replace(path)
    return Archived(path, rows, first, last)


def _write(engine: Engine, query: Select[Any], path: Path) -> tuple[int, str]:
    """Rows written, and the id of the newest."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, rows, newest = _schema(), 0, ""
    with path.open("wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer, reading(engine) as conn:
            stream = conn.execution_options(stream_results=True, yield_per=BATCH).execute(query)
            for part in stream.mappings().partitions():
                writer.write_table(pa.Table.from_pylist([dict(row) for row in part], schema))
                rows, newest = rows + len(part), str(part[-1]["id"])
        file.flush()
        os.fsync(file.fileno())
    return rows, newest


def _schema() -> pa.Schema:
    import pyarrow as pa

    kinds = ((UtcTime, pa.timestamp("us", tz="UTC")), (Float, pa.float64()), (Integer, pa.int64()))
    return pa.schema(
        (column.name, next((kind for mine, kind in kinds if isinstance(column.type, mine)), pa.string()))
        for column in prediction.columns
    )


def find(exported: Path, prediction_id: str) -> Prediction:
    """The prediction with that id in a file that `export` wrote, or in a folder of them.

    Raises:
        NotFound: it is in none of them.
        BadInput: no such place, or no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds

    files = sorted(exported.glob("predictions-*.parquet")) if exported.is_dir() else [exported]
    try:
        schema = _schema().append(pa.field(LATENCY_BEFORE, pa.int64()))
        log = ds.dataset([str(file) for file in files], schema=schema, format="parquet")
        rows = log.to_table(filter=ds.field("id") == prediction_id).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise BadInput(
            f"{exported} cannot be read as exported predictions: {error}.", "Name what was exported."
        ) from None
    if not rows:
        raise NotFound(f"no prediction {prediction_id!r} is in {exported}.", "Copy the id from an answer.")
    before = rows[0].pop(LATENCY_BEFORE)
    return Prediction(**rows[0] | {"latency_us": rows[0]["latency_us"] if before is None else before})


def forget(engine: Engine, archived: Archived) -> int:
    """Delete from the log exactly what a file holds, some thousands at a time; returns how many were there.

    Raises:
        Broken: the file holds another number of predictions than were written to it; nothing is deleted.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(archived.path) as file:
        if file.metadata.num_rows != archived.rows:
            raise Broken(f"{archived.path} holds {file.metadata.num_rows} rows of {archived.rows}.", "Export again.")
        batches = [part.column("id").to_pylist() for part in file.iter_batches(500, columns=["id"])]
    return sum(_delete(engine, batches[start : start + 10]) for start in range(0, len(batches), 10))


def _delete(engine: Engine, batches: Sequence[Sequence[str]]) -> int:
    with writing(engine) as conn:
        deleted: Iterator[int] = (
            conn.execute(delete(prediction).where(prediction.c.id.in_(ids))).rowcount for ids in batches
        )
        return sum(deleted)


def require_forgettable(engine: Engine, model: str, before: Session | None) -> None:
    """Pass only where nothing that still decides something would be let go.

    Raises:
        BadInput: no date, or one after the session in which the running canary began.
    """
    if before is None:
        raise BadInput("--forget needs to know how much.", "Say --before DATE: sessions before it are let go.")
    with reading(engine) as conn:
        row = read_rollout(conn, model)
    started = row.evidence.started if row and row.evidence and row.challenger else None
    if started is not None and iso(before) > started:
        raise BadInput(
            f"A canary has been judged by the log since session {started}.", f"Say --before {started} or earlier."
        )
