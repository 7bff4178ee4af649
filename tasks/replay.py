"""A replay of delivery policies, and its report in the Prefect UI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from evergreen.workspace import workspace
from tasks.artifacts import picture, show, table
from tasks.decorators import effect

if TYPE_CHECKING:
    from uuid import UUID

    from evergreen.replay.plan import Replay


@effect
def compare_policies(plan: Replay) -> str:
    """Walk policies over past sessions and log them to MLflow; returns the folder of the results."""
    from evergreen.adapters.mlflow.replays import log_replay
    from evergreen.replay.report import write_report
    from evergreen.replay.run import replay

    replayed = replay(plan, _progress([policy.name for policy in plan.policies]))
    write_report(replayed, plan.out / "report.html")
    log_replay(workspace().settings.mlflow, replayed.summary, plan.out)
    return str(plan.out)


def _progress(policies: list[str]) -> Callable[[str, int, int], None]:
    """An artifact that shows the sessions walked, as a share of those of all policies."""
    description = "sessions walked, over all policies"
    artifact = cast("UUID", create_progress_artifact(0.0, key="replay-policies", description=description))
    shares = dict.fromkeys(policies, 0.0)

    def progress(what: str, walked: int, of: int) -> None:
        if what in shares:  # and not the factors, which come before
            shares[what] = walked / of
            update_progress_artifact(artifact, 100 * sum(shares.values()) / len(shares))

    return progress


@effect
def show_replay(folder: str) -> None:
    """What the policies earned, as a person reads it."""
    from evergreen.adapters.figures.replayed import served_skill
    from evergreen.replay.report import rows_for_people, sentence
    from evergreen.replay.run import read_replayed

    out = Path(folder)
    replayed = read_replayed(out)
    summary = replayed.summary
    skill = picture(served_skill(replayed.sessions, replayed.decisions), "served skill over time")
    page = f"The page with all pictures: `{out / 'report.html'}`"
    print(sentence(summary["policies"]))
    show(
        "replay-policies",
        "What delivery policies earned",
        sentence(summary["policies"]),
        table(rows_for_people(summary)),
        skill,
        page,
    )
