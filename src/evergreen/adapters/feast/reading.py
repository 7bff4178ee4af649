"""Stored feature rows of one view, by key and by position: keys are read alone, wide columns a few at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from evergreen.adapters.feast.files import moment, stored
from evergreen.core.dataset.point_in_time import StoredRows, as_of

COLUMNS_AT_ONCE = 16  # bounds what is held besides the answer


@dataclass(frozen=True)
class ViewFiles:
    """Where a view's rows lie and what their columns are called there.

    Attributes:
        place: a Parquet file or a folder of them.
        keys: name of the entity column in the question -> column in the files.
        event, created: columns of the two instants; created may be missing.
        renamed: name as a feature -> column in the files, where they differ.
    """

    place: Path
    keys: dict[str, str]
    event: str
    created: str | None
    renamed: dict[str, str]


def look_up(
    source: ViewFiles,
    names: list[str],
    entities: pd.DataFrame,
    moments: pd.Series[pd.Timestamp],
    reach: pd.Timedelta | None,
    only_known: bool,
    known_at: pd.Timestamp | None,
) -> Iterator[pa.ChunkedArray]:
    """For each of `names` the values that the entity rows see at their moments, null where they see none.

    Raises:
        NotFound: nothing was ever written there.
    """
    rows = _part(source, moments, reach)
    own = rows.to_table([*source.keys.values(), *filter(None, [source.event, source.created])])
    codes, observers = _codes(own, source.keys, entities)
    event = _microseconds(own[source.event])
    created = event if source.created is None else _microseconds(own[source.created])
    if known_at is not None:
        codes = np.where(created <= _numbers(pd.Series([known_at])), codes, -1)
    observers = np.where(moments.isna(), -1, observers)
    ttl = None if reach is None else reach // pd.Timedelta(microseconds=1)
    positions = as_of(StoredRows(codes, event, created), observers, _numbers(moments), ttl, only_known)
    taken = pa.array(positions, mask=positions < 0)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        columns = iter([source.renamed.get(name, name) for name in names])
        while some := list(islice(columns, COLUMNS_AT_ONCE)):
            table = rows.to_table(some)
            yield from pool.map(lambda name, table=table: table[name].combine_chunks().take(taken), some)


def _part(source: ViewFiles, moments: pd.Series[pd.Timestamp], reach: pd.Timedelta | None) -> ds.Dataset:
    """The row groups that can hold what is looked for; whole ones, so that rows keep their positions."""
    span = moments.dropna()
    if span.empty:
        return stored(source.place)
    after = None if reach is None else span.min() - reach
    whole = stored(source.place, after, span.max())
    kind = whole.schema.field(source.event).type
    keep = ds.field(source.event) <= moment(span.max(), kind)
    if after is not None:
        keep &= ds.field(source.event) >= moment(after, kind)
    parts = [part.subset(keep) for part in whole.get_fragments(keep)]
    return ds.FileSystemDataset(parts, whole.schema, whole.format, whole.filesystem)


def _codes(
    stored: pa.Table, keys: dict[str, str], entities: pd.DataFrame
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One number for each distinct key, -1 where a part of it is missing: of the stored rows, of the entity rows."""
    codes = np.zeros(len(stored) + len(entities), dtype=np.int64)
    for entity, column in keys.items():
        own = stored[column]
        theirs = pa.chunked_array([pa.array(entities[entity], from_pandas=True).cast(own.type)])
        parts = pa.chunked_array([*own.chunks, *theirs.chunks], own.type)
        encoded = parts.combine_chunks().dictionary_encode()
        place = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        codes = np.where((codes < 0) | (place < 0), -1, codes * len(encoded.dictionary) + place)
    return codes[: len(stored)], codes[len(stored) :]


def _microseconds(instants: pa.ChunkedArray) -> NDArray[np.int64]:
    """Zoneless instants are UTC, as Feast has it; finer ones are cut, as its own stores do."""
    whole = pc.cast(instants, pa.timestamp("us", instants.type.tz), safe=False) if _timed(instants) else instants
    numbers: NDArray[Any] = whole.cast(pa.int64()).combine_chunks().to_numpy(zero_copy_only=False)
    return numbers


def _numbers(moments: pd.Series[pd.Timestamp]) -> NDArray[np.int64]:
    return np.asarray(moments.astype("datetime64[us, UTC]").astype(np.int64), dtype=np.int64)


def _timed(instants: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_timestamp(instants.type))
