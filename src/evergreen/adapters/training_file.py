"""A training set in a Parquet file, written and read in pieces: as a frame it would be held twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.core.panel import training_frame

SLAB = 16_384  # rows written at a time


def write_training_set(features: pd.DataFrame, labels: pd.Series, path: Path) -> int:
    """Write what `core.panel.training_frame` makes of features and labels, a slab at a time; returns the rows."""
    ticker, session = (features.index.get_level_values(name) for name in ("ticker", "session"))
    order = np.lexsort((ticker.to_numpy(dtype=str), session.to_numpy()))
    writer = None
    for begin in range(0, len(order), SLAB):
        frame = training_frame(features.iloc[order[begin : begin + SLAB]], labels)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema, use_dictionary=["ticker", "session"])
        writer.write_table(table)
    if writer is not None:
        writer.close()
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
        asked = [name] if isinstance(name, str) else name
        frame = self._file.read(columns=asked).to_pandas(ignore_metadata=True)
        pa.default_memory_pool().release_unused()
        return frame[name]
