"""A replay of delivery policies, and its report in the Prefect UI."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pandas as pd
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from evergreen.workspace import workspace
from tasks.artifacts import picture, show, table
from tasks.decorators import effect

if TYPE_CHECKING:
    from uuid import UUID


@effect
def compare_policies(
    bars: str,
    start: date,
    end: date,
    policies: list[str],
    tickers: list[str],
    horizon: int,
    breaks: list[str],
    seed: int,
    workers: int,
    calendar: str,
    name: str,
    learner: str,
) -> str:
    """Walk policies over past sessions and log them to MLflow; returns the folder of the results."""
    from evergreen.adapters.mlflow.replays import log_replay
    from evergreen.core.policy import choose
    from evergreen.replay.bars import open_bars
    from evergreen.replay.breaks import parse_break
    from evergreen.replay.plan import Replay
    from evergreen.replay.report import write_report
    from evergreen.replay.run import replay

    at = workspace()
    out = at.settings.home.resolve() / "replays" / name
    plan = Replay(
        bars=bars,
        start=pd.Timestamp(start),
        end=pd.Timestamp(end),
        policies=tuple(choose(at.settings.delivery_policies(), name) for name in dict.fromkeys(policies)),
        out=out,
        calendar=calendar or open_bars(bars, usual=at.calendar.exchange).calendar,
        target=at.settings.target,
        horizon=horizon,
        seed=seed,
        train_sessions=at.settings.train_sessions,
        breaks=tuple(parse_break(each) for each in breaks),
        workers=workers,
        dask_address=at.settings.dask_address,
        tickers=tuple(tickers),
        learner=learner,
    )
    description = "sessions walked, over all policies"
    artifact = cast("UUID", create_progress_artifact(0.0, key="replay-policies", description=description))
    shares: dict[str, float] = {}

    def progress(what: str, walked: int, of: int) -> None:
        shares[what] = walked / of
        update_progress_artifact(artifact, 100 * sum(shares.get(each, 0.0) for each in policies) / len(policies))

    replayed = replay(plan, progress)
    write_report(replayed, out / "report.html")
    log_replay(at.settings.mlflow, replayed.summary, out)
    return str(out)


@effect
def show_replay(folder: str) -> None:
    """What the policies earned, as a person reads it."""
    from evergreen.adapters.figures.replayed import served_skill
    from evergreen.replay.report import rows_for_people, sentence

    out = Path(folder)
    summary = json.loads((out / "summary.json").read_text())
    sessions, decisions = (pd.read_parquet(out / f"{name}.parquet") for name in ("sessions", "decisions"))
    skill = picture(served_skill(sessions, decisions), "served skill over time")
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
