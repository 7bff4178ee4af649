"""Bars: what is wrong with them, and their versions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergreen.cli.here import load_settings
from evergreen.cli.output import AsJson, Limit, say, tell
from evergreen.ops.words import counted

if TYPE_CHECKING:
    from evergreen.adapters.database.owed import OwedBar
    from evergreen.core.bars.restatement import Difference
    from evergreen.market_data.restatement_impact import Affected

app = typer.Typer()
versions = typer.Typer(help="Versions of the bars.", no_args_is_help=True)


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(help="CSV or Parquet files or folders of bars.")],
    as_json: AsJson = False,
    calendar: Annotated[str, typer.Option(help="The exchange the bars are from; by default the market's.")] = "",
) -> None:
    """Look for what must not enter the bar store. Exit 0 clean, 1 findings that refuse something, 2 unreadable."""
    from evergreen.core.bars.calendar import Calendar
    from evergreen.market_data.validate_files import inspect_paths
    from evergreen.workspace import calendar_of

    exchange = Calendar(calendar) if calendar else calendar_of(load_settings().market)
    inspection = inspect_paths(paths, exchange, datetime.now(UTC))
    findings = [finding.to_dict() for finding in inspection.findings]
    content = {"bars": inspection.bars, "tickers": inspection.tickers, "findings": findings}
    if as_json or findings or not inspection.unreadable:
        tell(_findings(content), content, as_json)
    if inspection.unreadable:
        raise inspection.unreadable[0]
    raise typer.Exit(1 if any(finding["severity"] != "warn" for finding in findings) else 0)


def _findings(content: dict[str, Any]) -> Iterator[str]:
    for finding in content["findings"]:
        yield f"{finding['severity']:<10} {finding['rule']:<20} {finding['ticker'] or '-':<8} {finding['message']}"
    findings, bars = counted(len(content["findings"]), "finding"), counted(content["bars"], "bar")
    yield f"{findings} in {bars} of {counted(content['tickers'], 'ticker')}"


@versions.command("log")
def data_log(limit: Limit = 20, as_json: AsJson = False) -> None:
    """The last data versions, newest first."""
    from evergreen.adapters.database import ledger, reading
    from evergreen.workspace import Workspace

    with reading(Workspace(load_settings()).engine) as conn:
        known = ledger.data_versions(conn, limit)
    counts = [f"+{version.rows_added} ~{version.restated} -{version.rows_refused}" for version in known]
    lines = [f"{v.id}  {v.as_of}  {count:<16}  {v.source}" for v, count in zip(known, counts, strict=True)]
    tell(lines or ["no data version yet: type `evergreen backfill`"], [asdict(version) for version in known], as_json)


@versions.command("checkout")
def data_checkout(version: str, target: Path) -> None:
    """Write the bars of a data version into a folder of their own."""
    from evergreen.workspace import Workspace

    Workspace(load_settings()).snapshots.checkout(version, target)
    print(f"{version} is in {target}")


@versions.command("owed")
def data_owed(as_json: AsJson = False) -> None:
    """Bars that were due and have not arrived, oldest first."""
    from evergreen.adapters.database import owed, reading
    from evergreen.workspace import Workspace

    with reading(Workspace(load_settings()).engine) as conn:
        bars = owed.open_bars(conn)
    lines = [
        f"{bar.session}  {bar.ticker:<10}  missed since {bar.since:%Y-%m-%d %H:%M}  {_missed(bar)}" for bar in bars
    ]
    tell(lines or ["nothing is owed"], [asdict(bar) for bar in bars], as_json)


def _missed(bar: OwedBar) -> str:
    return "its forecast is missed" if bar.forecast_missed else ""


@versions.command("write-off")
def data_write_off(
    session: Annotated[str, typer.Argument(help="The session (YYYY-MM-DD).")],
    reason: Annotated[str, typer.Option(help="Why its bars will not come.")],
    ticker: Annotated[str, typer.Option(help="Of this ticker alone.")] = "",
) -> None:
    """Wait no longer for the owed bars of a session."""
    from evergreen.market_data.owed import write_off
    from evergreen.market_data.quarantine import acting_at
    from evergreen.workspace import Workspace

    at = Workspace(load_settings())
    bars = write_off(at, session, ticker, reason, acting_at(at))
    say([f"{counted(len(bars), 'bar')} of {session} written off: {reason}"])


@versions.command("as-of")
def data_as_of(
    point: Annotated[str, typer.Argument(help="A time (ISO, UTC unless it says otherwise) or a data version.")],
    out: Annotated[Path | None, typer.Option(help="Write Parquet there instead of CSV to the terminal.")] = None,
) -> None:
    """The bars as they were known then."""
    from evergreen.market_data.restatement_impact import bars_at
    from evergreen.workspace import Workspace

    bars = bars_at(Workspace(load_settings()), point)
    if out is None:
        bars.to_csv(sys.stdout, index=False)
        return
    from evergreen.adapters.bars.writing import writable

    with writable(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        bars.to_parquet(out, index=False)
    print(f"{len(bars)} bars as known at {point} are in {out}")


@versions.command("diff")
def data_diff(
    a: Annotated[str, typer.Argument(help="A data version, or a time.")],
    b: Annotated[str, typer.Argument(help="A data version, a time, or `now`.")] = "now",
    as_json: AsJson = False,
) -> None:
    """What was restated from A to B, and the models and served forecasts that used what was said before."""
    from evergreen.market_data.restatement_impact import affected, difference
    from evergreen.workspace import Workspace

    at = Workspace(load_settings())
    changes = difference(at, a, b)
    bars = affected(at, changes)
    tell(_difference_lines(changes, bars), _difference(changes, bars), as_json)


def _difference(difference: Difference, bars: list[Affected]) -> dict[str, Any]:
    from evergreen.core.bars.session import iso

    columns = difference.restated.groupby(["ticker", "session"], sort=False)
    return {
        "added": len(difference.added),
        "withdrawn": len(difference.withdrawn),
        "restated": [
            {
                "ticker": bar.ticker,
                "session": iso(bar.session),
                "changes": columns.get_group((bar.ticker, bar.session))[["column", "before", "after"]].to_dict(
                    "records"
                ),
                "models": list(bar.models),
                "predictions": list(bar.predictions),
            }
            for bar in bars
        ],
    }


def _difference_lines(difference: Difference, bars: list[Affected]) -> Iterator[str]:
    from evergreen.core.bars.session import iso

    columns = difference.restated.groupby(["ticker", "session"], sort=False)
    for bar in bars:
        moved = columns.get_group((bar.ticker, bar.session))[["column", "before", "after"]]
        numbers = ", ".join(f"{name} {old:g} -> {new:g}" for name, old, new in moved.to_numpy())
        used = f"models {', '.join(bar.models) or '-'}, {len(bar.predictions)} served forecasts"
        yield f"{bar.ticker:<8} {iso(bar.session)}  {numbers:<28}  {used}"
    models = sorted({model for bar in bars for model in bar.models})
    forecasts = {each for bar in bars for each in bar.predictions}
    yield (
        f"{len(bars)} bars restated, {len(difference.added)} added, {len(difference.withdrawn)} withdrawn; used by "
        f"{len(models)} models ({', '.join(models) or '-'}) and {len(forecasts)} served forecasts"
    )
