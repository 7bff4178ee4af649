"""Copies of everything, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evergreen.cli.here import load_settings

app = typer.Typer()


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="A folder that is not there yet.")]) -> None:
    """Copy databases, bars, data versions, features, models, artifacts and keys; the stack may go on running."""
    from datetime import UTC, datetime

    from evergreen.ops.backup import back_up

    manifest = back_up(load_settings(), target.resolve(), datetime.now(UTC))
    print(f"{len(manifest.files)} files are in {target}, each with its sha256")
    for place in manifest.elsewhere:
        print(f"not copied: {place}")


@app.command()
def restore(source: Annotated[Path, typer.Argument(help="A folder that `backup` made.")]) -> None:
    """Fill an empty home and empty databases from a backup, after each of its bytes was checked."""
    from evergreen.ops.backup import restore as fill

    settings = load_settings()
    manifest = fill(settings, source.resolve())
    print(f"{settings.home} holds what {manifest.home} held at {manifest.made_at}: type `evergreen up`")
    for place in manifest.elsewhere:
        print(f"not restored: {place}")


@app.command()
def migrate(
    revision: Annotated[str, typer.Argument(help="As `evergreen doctor` names it; `head` is this version's.")] = "head",
) -> None:
    """Bring the operational database to a schema: down to an older one before an older Evergreen is installed."""
    from evergreen.adapters.database import migrate_database

    print(f"the database has schema {migrate_database(load_settings().database, revision)}")
