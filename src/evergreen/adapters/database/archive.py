"""The prediction log as Parquet, and what may be let go once it is there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Float, Integer, Select, func, select

from evergreen.adapters.database import prediction_chain
from evergreen.adapters.database.engine import reading, writing
from evergreen.adapters.database.prediction_chain import CHAINED, Row, chained
from evergreen.adapters.database.predictions import Prediction
from evergreen.adapters.database.rollouts import read as read_rollout
from evergreen.adapters.database.schema import prediction
from evergreen.adapters.database.types import UtcTime
from evergreen.core.bars.session import Session, iso
from evergreen.errors import BadInput, Broken, NotFound

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH = 20_000  # rows in memory at once
LOT = 5_000  # predictions deleted in one transaction: the service waits for it
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
    query = select(prediction).where(which).order_by(prediction.c.batch, prediction.c.id)
    rows, newest = _write(engine, query, aside)
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
    row = rows[0]
    if row[LATENCY_BEFORE] is not None:
        row["latency_us"] = row[LATENCY_BEFORE]
    return Prediction(**{name: row[name] for name in CHAINED})


def forget(engine: Engine, archived: Archived) -> int:
    """Delete from the log the batches that a file holds whole, some thousands at a time; returns how many went.

    A batch that also served later sessions stays until they are exported too.

    Raises:
        Broken: the file holds another number of predictions than were written to it, or others than were served;
            nothing of what differs is deleted.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(archived.path) as file:
        if file.metadata.num_rows != archived.rows:
            raise Broken(f"{archived.path} holds {file.metadata.num_rows} rows of {archived.rows}.", "Export again.")
        return sum(_let_go(engine, lot) for lot in _lots(file))


def _let_go(engine: Engine, lot: Mapping[int, Sequence[Row]]) -> int:
    with writing(engine) as conn:
        return prediction_chain.let_go(conn, lot)


def _lots(file: pq.ParquetFile) -> Iterator[dict[int, list[Row]]]:
    """The rows of whole batches, some thousands at a time."""
    parts = file.iter_batches(LOT, columns=[*CHAINED, "batch"])
    rows = chain.from_iterable(
        zip(*(part.column(name).to_pylist() for name in ("batch", *CHAINED)), strict=True) for part in parts
    )
    lot: dict[int, list[Row]] = {}
    waiting = 0
    for batch, members in groupby(rows, itemgetter(0)):
        lot[batch] = [chained(row[1:]) for row in members]
        waiting += len(lot[batch])
        if waiting >= LOT:
            yield lot
            lot, waiting = {}, 0
    if lot:
        yield lot


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
