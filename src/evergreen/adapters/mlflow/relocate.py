"""MLflow's SQLite records after its artifacts moved: without a server it keeps absolute paths."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from evergreen.adapters.infra.dumps import sqlite_file

ARTIFACTS = "mlflow-artifacts"  # beside the database, a folder an experiment in it
PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}


def move_artifacts(url: str, old: Path, new: Path) -> None:
    """Have every artifact that lay below the folder `old` be looked for below `new`."""
    before, after = f"{old.as_uri()}/", f"{new.as_uri()}/"
    with closing(sqlite3.connect(sqlite_file(url))) as connection, connection:
        for table, columns in PLACES.items():
            for column in columns:
                connection.execute(
                    f"update {table} set {column} = ? || substr({column}, ?) where substr({column}, 1, ?) = ?",
                    (after, len(before) + 1, len(before), before),
                )


def follow_database(url: str) -> None:
    """Look for the artifacts beside the database at `url` where both were moved together: their home has another name
    now. Artifacts that lie elsewhere, or were not moved with it, stay where they are."""
    home = Path(sqlite_file(url)).resolve().parent
    if not (home / ARTIFACTS).is_dir():
        return
    with closing(sqlite3.connect(sqlite_file(url))) as connection:
        rows = connection.execute("select distinct artifact_location from experiments").fetchall()
    for former in {_home_of(str(place)) for (place,) in rows}:
        if former is not None and former != home:
            move_artifacts(url, former, home)


def _home_of(place: str) -> Path | None:
    """The folder with the artifacts that an experiment's location lies in; None where it is of another kind."""
    folder = Path(unquote(urlsplit(place).path))
    named = urlsplit(place).scheme == "file" and folder.parent.name == ARTIFACTS
    return folder.parent.parent if named else None
