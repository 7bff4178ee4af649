"""What a delivery policy earns, on past or simulated sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer()

Bars = Annotated[str, typer.Argument(help="A file or folder of bars, or a source: sample, simulated:tickers=50,...")]


@app.command()
def replay(
    bars: Bars,
    start: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first session walked.")],
    end: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last one.")],
    out: Annotated[Path, typer.Option(help="Folder of the results; what is kept for the next replay lies in it too.")],
    policy: Annotated[
        list[str], typer.Option(help="A section of policies.toml; calendar takes a number, calendar:20.")
    ],
    policies: Annotated[Path | None, typer.Option(help="A policies.toml of your own.")] = None,
    ticker: Annotated[list[str] | None, typer.Option(help="Repeat for several; all of the bars if absent.")] = None,
    calendar: Annotated[str, typer.Option(help="The exchange of the files; XNYS if absent.")] = "",
    horizon: Annotated[int, typer.Option(help="Sessions ahead.")] = 1,
    target: Annotated[str, typer.Option(help="What is forecast: return, rank, neutral, volatility.")] = "return",
    learner: Annotated[str, typer.Option(help="What fits the models; by default what live training takes.")] = "",
    broken: Annotated[
        list[str] | None, typer.Option("--break", help="KIND@YYYY-MM-DD, what goes wrong on purpose.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the training and of the breaks.")] = 7,
    train_sessions: Annotated[int, typer.Option(help="Most sessions a model is fitted on; 0: all.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    dask: Annotated[
        str,
        typer.Option(envvar="EVERGREEN_DASK_ADDRESS", help="Scheduler whose workers walk instead; they share --out."),
    ] = "",
    track: Annotated[bool, typer.Option(help="Log to MLflow: a run, with a child for each policy.")] = True,
) -> None:
    """Walk policies side by side over past sessions: what they decide, and what it earns.

    One process or several, no server: everything goes to a folder. Run again, it goes on where it stopped.
    """
    import pandas as pd

    from evergreen.adapters.infra.ending import ended_once
    from evergreen.replay.breaks import parse_break
    from evergreen.replay.plan import Replay, shipped
    from evergreen.replay.report import table_for_people, write_report
    from evergreen.replay.run import replay as walk

    plan = Replay(
        bars=bars,
        start=pd.Timestamp(start),
        end=pd.Timestamp(end),
        policies=shipped(policy, policies),
        out=out,
        calendar=calendar,
        target=target,
        learner=learner,
        horizon=horizon,
        seed=seed,
        train_sessions=train_sessions,
        breaks=tuple(parse_break(each) for each in broken or ()),
        workers=workers,
        dask_address=dask,
        tickers=tuple(ticker or ()),
    )
    with ended_once(), shown() as progress:
        replayed = walk(plan, progress)
    page = write_report(replayed, out / "report.html")
    if track:
        _log(replayed, out)
    print(f"{replayed.summary['from']} to {replayed.summary['to']}")
    print(table_for_people(replayed.summary))
    print(f"\n{page}")


@contextmanager
def shown() -> Iterator[Callable[[str, int, int], None]]:
    """Progress in the terminal: for each policy, and for what comes before, sessions walked and time left."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn()) as bars:
        tasks: dict[str, Any] = {}

        def progress(what: str, walked: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=of)
            bars.update(tasks[what], completed=walked, total=of)

        yield progress


def _log(replayed: Any, out: Path) -> None:
    from evergreen.adapters.mlflow.replays import log_replay
    from evergreen.settings import load_settings

    log_replay(load_settings().mlflow, replayed.summary, out)
