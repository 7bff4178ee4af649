"""The running canary."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from evergreen.cli.asking import start
from evergreen.cli.here import load_settings
from evergreen.cli.output import AsJson, say, tell

app = typer.Typer(help="The running canary.", no_args_is_help=True)


@app.command("status")
def canary_status(as_json: AsJson = False) -> None:
    """How the running canary stands."""
    from evergreen.ops.status import canary_lines, read_canary

    canary = read_canary(load_settings())
    tell(canary_lines(canary), asdict(canary) if canary else None, as_json)


@app.command("step")
def canary_step(
    dry_run: Annotated[bool, typer.Option(help="Say what would be done and change nothing.")] = False,
) -> None:
    """Ask the server to look at the canary now."""
    start("canary/canary", {"dry_run": True if dry_run else None})


@app.command("approve")
def canary_approve(reason: Annotated[str, typer.Option()]) -> None:
    """Allow the running challenger's promotion, where `promotion_approval` asks for it."""
    from datetime import UTC, datetime

    from evergreen.adapters.database import decisions, reading, rollouts, writing
    from evergreen.core.policy.kinds import DecisionKind
    from evergreen.errors import NotFound
    from evergreen.workspace import Workspace

    at = Workspace(load_settings())
    with reading(at.engine) as conn:
        row = rollouts.current(conn, at.settings.model_name)
    if row.challenger is None:
        raise NotFound("There is no canary.", "See `evergreen status`.")
    approval = decisions.Decision(
        at=datetime.now(UTC), model=row.model, kind=DecisionKind.APPROVAL, as_of=row.stage_session,
        subject=row.challenger, summary=f"Version {row.challenger} may be promoted: {reason}",
        evidence={"by": "a person"},
    )  # fmt: skip
    with writing(at.engine) as conn:
        decisions.append(conn, approval)
    say([approval.summary])


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
