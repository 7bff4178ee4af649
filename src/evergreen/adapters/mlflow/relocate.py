"""MLflow's SQLite records after its artifacts moved: without a server it keeps absolute paths."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from evergreen.adapters.infra.dumps import sqlite_file

PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}


def move_artifacts(url: str, old: Path, new: Path) -> None:
    """Have every artifact that lay below the folder `old` be looked for below `new`."""
    before, after = f"file://{old}/", f"file://{new}/"
    with closing(sqlite3.connect(sqlite_file(url))) as connection, connection:
        for table, columns in PLACES.items():
            for column in columns:
                connection.execute(
                    f"update {table} set {column} = ? || substr({column}, ?) where substr({column}, 1, ?) = ?",
                    (after, len(before) + 1, len(before), before),
                )
