"""Bars that are on record and no longer in the store."""

from __future__ import annotations

from evergreen.adapters.database import ledger, reading
from evergreen.errors import Broken
from evergreen.workspace import Workspace


def require_stored(at: Workspace) -> None:
    """Pass unless bars were lost: those of the last data version, or all of which the database has a record.

    Raises:
        Broken: they were; says what brings them back.
    """
    if at.bars.last_session() is not None:
        return
    with reading(at.engine) as conn:
        versions = ledger.data_versions(conn, 1)
    if versions:
        raise Broken(
            f"{at.bars.folder} holds no bars, and data version {versions[0].id} is on record.",
            "Restore a backup (`evergreen restore`); if there is none, type `evergreen backfill`.",
        )
