"""A database that was lost beside its bars, said alike in all places."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from evergreen.adapters.database import ledger


def lost_record(conn: Connection, data: Path, database: str) -> str:
    """That the `database` (as it may be shown) has no record of the bars in the data folder, and what to do.

    Empty where it has, or where there are none.
    """
    bars = data / "bars"
    if ledger.data_versions(conn, 1) or next(bars.rglob("*.parquet"), None) is None:
        return ""
    return (
        f"the database {database} has no record of the bars in {bars}, as after a loss. "
        "Restore it from a backup (`evergreen restore`); if there is none, type `evergreen backfill`"
    )
