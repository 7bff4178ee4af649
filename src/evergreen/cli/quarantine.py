"""Refused bars: what is held, why, and the way back into the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli.here import load_settings
from evergreen.cli.output import AsJson, Limit, say, tell
from evergreen.ops.words import counted

if TYPE_CHECKING:
    import pandas as pd

    from evergreen.adapters.database.quarantine import Case
    from evergreen.workspace import Workspace

app = typer.Typer(help="Refused bars, and their way back.", no_args_is_help=True)
Reason = Annotated[str, typer.Option(help="Why; it goes into the decision log.")]
SHOWN = 20  # findings of a case: what leaves room for its bars on one screen


@app.command("list")
def list_cases(
    everything: Annotated[bool, typer.Option("--all", help="Closed cases too, newest first.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """The open cases, oldest first."""
    from evergreen.adapters.database import quarantine, reading
    from evergreen.workspace import Workspace

    with reading(Workspace(load_settings()).engine) as conn:
        cases = quarantine.cases(conn, limit) if everything else quarantine.unsettled(conn)
    count = sum(case.state == "held" for case in cases)
    lines = [*(line for case in cases for line in _case_lines(case)), f"{count} held"]
    tell(lines, [asdict(case) for case in cases], as_json)


@app.command()
def show(case_id: str) -> None:
    """A case's findings, its bars among their neighbours, and a picture of the series around them."""
    from evergreen.adapters.database import quarantine, reading
    from evergreen.adapters.figures import save
    from evergreen.adapters.figures.quarantined_bars import series_around
    from evergreen.market_data.held_case import among_neighbours
    from evergreen.workspace import Workspace

    at = Workspace(load_settings())
    with reading(at.engine) as conn:
        case = quarantine.find(conn, case_id)
    series = among_neighbours(at, case)
    picture = save(series_around(series, case), at.settings.reports / "quarantine" / f"{case.id}.png")
    say(_case_lines(case))
    say(f"  {finding['rule']}: {finding['message']}" for finding in case.findings[:SHOWN])
    _print_bars(series)
    print(f"picture: {picture}")


@app.command()
def release(case_id: str, reason: Reason) -> None:
    """Let the held bars into the store as they are."""
    from evergreen.market_data import quarantine
    from evergreen.workspace import Workspace

    at = Workspace(load_settings())
    _tell(at, quarantine.release(at, case_id, reason, quarantine.acting_at(at)))


@app.command()
def repair(
    case_id: str,
    reason: Reason,
    change: Annotated[list[str] | None, typer.Option("--set", help="SESSION.COLUMN=VALUE; may be repeated.")] = None,
    file: Annotated[Path | None, typer.Option("--from", help="CSV or Parquet with the right bars.")] = None,
) -> None:
    """Let corrected bars into the store in place of the held ones, if nothing is wrong with them."""
    from evergreen.market_data import quarantine
    from evergreen.market_data.repair import corrected
    from evergreen.workspace import Workspace

    at = Workspace(load_settings())
    bars = corrected(at, case_id, change or [], file)
    _tell(at, quarantine.repair(at, case_id, bars, reason, quarantine.acting_at(at)))


@app.command()
def discard(case_id: str, reason: Reason) -> None:
    """Close a case without its bars: they will not enter the store."""
    from evergreen.market_data import quarantine
    from evergreen.workspace import Workspace

    at = Workspace(load_settings())
    say(_case_lines(quarantine.discard(at, case_id, reason, quarantine.acting_at(at))))


def _tell(at: Workspace, case: Case) -> None:
    """Take the snapshot that the changed store wants, and say what became of the case."""
    from evergreen.market_data.ingest import record_snapshot
    from evergreen.market_data.quarantine import acting_at

    version = record_snapshot(at, case.as_of, f"quarantine {case.id}", 0, {}, acting_at(at))
    say(_case_lines(case))
    print(f"data version {version}; the next session's run builds the features anew")


def _case_lines(case: Case) -> Iterator[str]:
    rules = ", ".join(sorted({str(finding["rule"]) for finding in case.findings}))
    span = case.first_session if case.bars == 1 else f"{case.first_session} to {case.last_session}"
    yield f"{case.id}  {case.state:<9} {case.ticker:<8} {counted(case.bars, 'bar')}  {span}  {case.source}  {rules}"
    if case.reason:
        yield f"  {case.reason}"


def _print_bars(series: pd.DataFrame) -> None:
    from evergreen.core.bars.session import iso

    print(f"  {'session':<10} {'open':>10} {'high':>10} {'low':>10} {'close':>10} {'volume':>14} {'factor':>10}")
    columns = ["session", "open", "high", "low", "close", "volume", "factor", "held"]
    for session, *prices, volume, factor, refused in series.loc[series["near"], columns].to_numpy():
        shown = " ".join(f"{price:>10.6g}" for price in prices)
        print(f"  {iso(session)} {shown} {volume:>14.0f} {factor:>10.6g}{'  refused' if refused else ''}")
