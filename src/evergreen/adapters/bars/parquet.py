"""One Parquet file of bars: written, read, and what its footer tells without reading it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evergreen.adapters.bars.writing import replace
from evergreen.core.bars.schema import COLUMNS, KEYS, NUMBERS
from evergreen.core.bars.session import iso
from evergreen.errors import Broken

SCHEMA = pa.schema(
    [
        ("ticker", pa.string()),
        ("session", pa.timestamp("us")),
        *((name, pa.float64()) for name in NUMBERS),
        ("source", pa.string()),
        ("known_at", pa.timestamp("us", tz="UTC")),
        ("known_at_assumed", pa.bool_()),
    ]
)
ORDER = [*KEYS, "known_at"]
_REPEATED = ["ticker", "session", "source", "known_at"]
_KNOWN_AT = SCHEMA.get_field_index("known_at")
Filters = list[tuple[str, str, Any]]


@dataclass(frozen=True)
class Contents:
    """What a file of the store holds: bars new to it, rows that restate one, the sessions it has rows of."""

    bars: int
    restatements: int
    sessions: tuple[str, ...]

    def footer(self) -> dict[str, str]:
        """As text, for the file's footer."""
        return {
            "bars": str(self.bars),
            "restatements": str(self.restatements),
            "sessions": " ".join(self.sessions),
        }


def contents_of(rows: pd.DataFrame, bars: int) -> Contents:
    """Of rows of which so many are bars new to the store."""
    return Contents(bars, len(rows) - bars, tuple(iso(day) for day in sorted(rows["session"].unique())))


def write_bars(
    path: Path, bars: pd.DataFrame, aside: Path, schema: pa.Schema = SCHEMA, contents: Contents | None = None
) -> None:
    """Write bars as Parquet, aside and then renamed: equal bars give equal bytes."""
    columns = [pa.array(bars[field.name], field.type, from_pandas=True) for field in schema]
    _write(path, pa.table(columns, schema=schema), aside, contents)


def merge_bars(paths: Sequence[Path], target: Path, aside: Path) -> None:
    """Write the rows of several files as one, in the store's order; of equal keys the earlier file's come first.

    Raises:
        Broken: a file cannot be read.
    """
    each = [read_contents(path) for path in paths]
    days = sorted({day for contents in each for day in contents.sessions})
    rows = pa.concat_tables([load(path) for path in paths]).sort_by([(name, "ascending") for name in ORDER])
    contents = Contents(sum(one.bars for one in each), sum(one.restatements for one in each), tuple(days))
    _write(target, rows, aside, contents)


def load(path: Path, filters: Filters | None = None, columns: list[str] | None = None) -> pa.Table:
    """Rows of a file, as they lie in it.

    Raises:
        Broken: it cannot be read.
        FileNotFoundError: it is gone.
    """
    with _readable(path):
        return pq.read_table(path, schema=SCHEMA, columns=columns, filters=filters, partitioning=None)


def frame(table: pa.Table) -> pd.DataFrame:
    """A table as bars, each ticker one shared string."""
    return pd.DataFrame(table.to_pandas(deduplicate_objects=True, date_as_object=False), columns=list(COLUMNS))


def read_contents(path: Path) -> Contents:
    """What a file holds, by its footer; the version before wrote none, and its keys are read.

    Raises:
        Broken: it cannot be read.
        FileNotFoundError: it is gone.
    """
    with _readable(path):
        footer = {key.decode(): text.decode() for key, text in (pq.read_metadata(path).metadata or {}).items()}
    if {"bars", "restatements", "sessions"} <= footer.keys():
        return Contents(int(footer["bars"]), int(footer["restatements"]), tuple(footer["sessions"].split()))
    keys = load(path, columns=KEYS)
    return contents_of(frame(keys), keys.group_by(KEYS).aggregate([]).num_rows)


def newest_arrival(path: Path) -> pd.Timestamp:
    """The last `known_at` of a file, by its footer (UTC).

    Raises:
        Broken: it cannot be read.
        FileNotFoundError: it is gone.
    """
    with _readable(path):
        footer = pq.read_metadata(path)
        groups = [footer.row_group(number).column(_KNOWN_AT).statistics for number in range(footer.num_row_groups)]
    return pd.Timestamp(max(group.max for group in groups))


def _write(path: Path, rows: pa.Table, aside: Path, contents: Contents | None) -> None:
    # pandas' own metadata would vary with its version
    table = rows.replace_schema_metadata(contents.footer() if contents else None)
    # a dictionary of prices, of which hardly two are alike, makes a file a third longer
    options = {"compression": "zstd", "use_dictionary": _REPEATED}
    replace(path, lambda draft: pq.write_table(table, draft, **options), aside)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        reason = str(error).rstrip(".")
        raise Broken(
            f"{path} is not a readable partition of the bar store: {reason}.",
            "`evergreen doctor` says how it comes back.",
        ) from None
