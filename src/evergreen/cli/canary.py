"""The running canary."""

from __future__ import annotations

from typing import Annotated

import typer

from evergreen.cli.asking import start
from evergreen.settings import load_settings

app = typer.Typer(help="The running canary.", no_args_is_help=True)


@app.command("status")
def canary_status() -> None:
    """How the running canary stands."""
    from evergreen.status import canary_lines

    for line in canary_lines(load_settings()):
        print(line)


@app.command("step")
def canary_step() -> None:
    """Ask the server to look at the canary now."""
    start("canary/canary", {})


@app.command("promote")
def canary_promote(reason: Annotated[str, typer.Option()]) -> None:
    """Make the challenger champion by a person's word."""
    start("rollback/rollback", {"reason": reason, "action": "promote"})


@app.command("rollback")
def canary_rollback(
    reason: Annotated[str, typer.Option()],
    previous: Annotated[bool, typer.Option(help="Bring the previous champion back instead.")] = False,
) -> None:
    """End the running canary, or bring the previous champion back."""
    start("rollback/rollback", {"reason": reason, "action": "restore" if previous else "cancel"})
