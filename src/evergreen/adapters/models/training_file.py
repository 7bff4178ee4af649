"""A training set in a Parquet file, written and read in pieces: as a frame it would be held twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evergreen.core.dataset.panel import Matrix, matrix_of, training_frame

SLAB = 16_384  # rows written and read at a time
HELD = 64 * 2**20  # bytes up to which features are read once and kept


def write_training_set(features: pd.DataFrame, labels: pd.Series, path: Path) -> int:
    """Write what `core.panel.training_frame` makes of features and labels, a slab at a time; returns the rows."""
    ticker, session = (features.index.get_level_values(name) for name in ("ticker", "session"))
    order = np.lexsort((ticker.to_numpy(dtype=str), session.to_numpy()))
    label = labels.reindex(features.index).to_numpy(dtype=np.float64)
    keys = pd.DataFrame({"ticker": ticker.astype(str), "session": pd.DatetimeIndex(session).as_unit("us")})
    schema = pa.Schema.from_pandas(training_frame(features.iloc[:1], labels), preserve_index=False)
    with pq.ParquetWriter(path, schema, use_dictionary=["ticker", "session"], compression="none") as writer:
        for begin in range(0, len(order), SLAB):
            rows = order[begin : begin + SLAB]
            columns = [keys[name].iloc[rows] for name in keys]
            values = np.ascontiguousarray(features.iloc[rows].to_numpy(dtype=np.float32).T)
            pairs = zip([*columns, *values, label[rows]], schema, strict=True)
            arrays = [pa.array(each, field.type) for each, field in pairs]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=SLAB)
    return len(order)


class TrainingFile:
    """The columns of a training set's file, each read when it is asked for."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path)
        schema = self._file.schema_arrow
        self.columns = pd.Index(schema.names)
        self.attrs: dict[str, Any] = json.loads((schema.metadata or {}).get(b"PANDAS_ATTRS", b"{}"))

    def __getitem__(self, name: str | list[str], /) -> Any:
        """As a frame would answer; an index that was written is left out."""
        names = [name] if isinstance(name, str) else name
        frame = self._file.read(columns=names).to_pandas(ignore_metadata=True)
        pa.default_memory_pool().release_unused()
        return frame[name]

    def matrix(self, names: tuple[str, ...], rows: NDArray[np.intp]) -> Matrix:
        """The features `names` of these rows: an array if they are few or out of order, else read when asked for."""
        few = 4 * len(rows) * len(names) <= HELD
        return matrix_of(self, names, rows) if few or (np.diff(rows) <= 0).any() else _Slabs(self._file, names, rows)


class _Slabs:
    """Features in the row groups of a file, read one group at a time; the last one is kept."""

    def __init__(self, file: pq.ParquetFile, names: tuple[str, ...], rows: NDArray[np.intp]) -> None:
        self.shape = (len(rows), len(names))
        self._file, self._names, self._rows = file, list(names), rows
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
        self._begins = np.append(0, np.cumsum(sizes))  # of the groups, in rows of the file
        self._edges = rows.searchsorted(self._begins)  # of the groups, in rows of the matrix
        self._number, self._kept = -1, np.empty((0, len(names)), dtype=np.float32)

    def __getitem__(self, rows: slice | NDArray[np.intp], /) -> NDArray[np.float32]:
        places = np.arange(*rows.indices(len(self._rows))) if isinstance(rows, slice) else rows
        return np.concatenate([self._kept[:0], *self._parts(places)])

    def _parts(self, places: NDArray[np.intp]) -> Iterator[NDArray[np.float32]]:
        edges = places.searchsorted(self._edges)
        for number in np.flatnonzero(np.diff(edges)):
            inside = places[edges[number] : edges[number + 1]]
            yield self._group(int(number))[inside - self._edges[number]]

    def _group(self, number: int) -> NDArray[np.float32]:
        """The matrix's rows that lie in a row group."""
        if number != self._number:
            table = self._file.read_row_group(number, columns=self._names).select(self._names)
            values = np.stack([column.to_numpy() for column in table.columns], axis=1)
            inside = self._rows[self._edges[number] : self._edges[number + 1]] - self._begins[number]
            self._number, self._kept = number, values[inside].astype(np.float32, copy=False)
        return self._kept
