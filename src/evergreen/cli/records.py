"""What the records say."""

from __future__ import annotations

import typer

from evergreen.settings import load_settings

app = typer.Typer()


@app.command()
def audit() -> None:
    """Recompute the hash chain of the decision log."""
    from evergreen.adapters.database import decisions, reading
    from evergreen.errors import Broken
    from evergreen.workspace import Workspace

    with reading(Workspace(load_settings()).engine) as conn:
        breaks = decisions.verify(conn)
    if breaks:
        raise Broken(f"The decision log is broken at {breaks[0]}.", "Restore it from a backup.")
    print("the decision log is whole")
