"""Retrain requests: what waits, what failed and why, and the way to end one."""

from __future__ import annotations

import getpass
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from evergreen.cli.here import load_settings
from evergreen.cli.output import AsJson, Limit, tell

app = typer.Typer(help="Retrain requests.", no_args_is_help=True)


@app.command("list")
def list_requests(
    everything: Annotated[bool, typer.Option("--all", help="Finished ones too.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """What waits, is worked on, or failed; the newest first."""
    from evergreen.adapters.database import reading, requests
    from evergreen.ops.requests import lines
    from evergreen.workspace import Workspace

    at, now = Workspace(load_settings()), datetime.now(UTC)
    with reading(at.engine) as conn:
        recent = requests.recent(conn, at.settings.model_name, limit)
    shown = [request for request in recent if everything or request.state != "done"]
    count = sum(request.open for request in shown)
    tell([*(line for each in shown for line in lines(each, now)), f"{count} open"], [*map(asdict, shown)], as_json)


@app.command()
def show(request_id: str, as_json: AsJson = False) -> None:
    """A request with every attempt at it and every decision about it."""
    from evergreen.ops.requests import history_lines, read_history
    from evergreen.workspace import Workspace

    history = read_history(Workspace(load_settings()).engine, request_id)
    tell(history_lines(history, datetime.now(UTC)), asdict(history), as_json)


@app.command()
def drop(
    request_id: str,
    reason: Annotated[str, typer.Option(help="Why; it goes into the decision log.")],
    as_json: AsJson = False,
) -> None:
    """End an open request: nobody takes it again, and whoever works on it changes nothing."""
    from evergreen.ops.requests import end_request, lines
    from evergreen.workspace import Workspace

    now = datetime.now(UTC)
    verdict = f"dropped by {_who()} at {now:%Y-%m-%d %H:%M:%S} UTC: {reason.rstrip('.')}."
    ended = end_request(Workspace(load_settings()).engine, request_id, verdict, now)
    tell(lines(ended, now), asdict(ended), as_json)


def _who() -> str:
    """The user's name, or number where it has none, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
