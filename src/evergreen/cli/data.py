"""Bars: what is wrong with them, and their versions."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evergreen.settings import load_settings

if TYPE_CHECKING:
    from evergreen.core.bars.restatement import Difference
    from evergreen.market_data.restatement_impact import Affected

app = typer.Typer()
versions = typer.Typer(help="Versions of the bars.", no_args_is_help=True)


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(help="CSV or Parquet files or folders of bars.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Look for what must not enter the bar store. Exit 0 clean, 1 findings that refuse something, 2 unreadable."""
    from evergreen.core.bars.calendar import Calendar
    from evergreen.market_data.validate_files import inspect_paths

    inspection = inspect_paths(paths, Calendar(load_settings().calendar), datetime.now(UTC))
    findings = [finding.to_dict() for finding in inspection.findings]
    if as_json:
        print(json.dumps({"findings": findings}, indent=2))
    elif findings or not inspection.unreadable:
        _print_findings(findings)
    if inspection.unreadable:
        raise inspection.unreadable[0]
    raise typer.Exit(1 if any(finding["severity"] != "warn" for finding in findings) else 0)


def _print_findings(findings: list[dict[str, Any]]) -> None:
    for finding in findings:
        print(f"{finding['severity']:<10} {finding['rule']:<20} {finding['ticker'] or '-':<8} {finding['message']}")
    print(f"{len(findings)} findings")


@versions.command("log")
def data_log(limit: int = 20) -> None:
    """The last data versions, newest first."""
    from evergreen.adapters.database import ledger, reading
    from evergreen.workspace import Workspace

    with reading(Workspace(load_settings()).engine) as conn:
        for version in ledger.data_versions(conn, limit):
            counts = f"+{version.rows_added} ~{version.restated} -{version.rows_refused}"
            print(f"{version.id}  {version.as_of}  {counts:<16}  {version.source}")


@versions.command("checkout")
def data_checkout(version: str, target: Path) -> None:
    """Write the bars of a data version into a folder of their own."""
    from evergreen.workspace import Workspace

    Workspace(load_settings()).snapshots.checkout(version, target)
    print(f"{version} is in {target}")


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
        bars.to_parquet(out, index=False)
    print(f"{len(bars)} bars as known at {point} are in {out}")


@versions.command("diff")
def data_diff(
    a: Annotated[str, typer.Argument(help="A data version, or a time.")],
    b: Annotated[str, typer.Argument(help="A data version, a time, or `now`.")] = "now",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, every prediction named.")] = False,
) -> None:
    """What was restated from A to B, and the models and served forecasts that used what was said before."""
    from evergreen.market_data.restatement_impact import affected, difference
    from evergreen.workspace import Workspace

    at = Workspace(load_settings())
    changes = difference(at, a, b)
    bars = affected(at, changes)
    if as_json:
        print(json.dumps(_difference(changes, bars), indent=2))
    else:
        _print_difference(changes, bars)


def _difference(difference: Difference, bars: list[Affected]) -> dict[str, Any]:
    from evergreen.core.bars.calendar import iso

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


def _print_difference(difference: Difference, bars: list[Affected]) -> None:
    from evergreen.core.bars.calendar import iso

    columns = difference.restated.groupby(["ticker", "session"], sort=False)
    for bar in bars:
        moved = columns.get_group((bar.ticker, bar.session))[["column", "before", "after"]]
        numbers = ", ".join(f"{name} {old:g} -> {new:g}" for name, old, new in moved.to_numpy())
        used = f"models {', '.join(bar.models) or '-'}, {len(bar.predictions)} served forecasts"
        print(f"{bar.ticker:<8} {iso(bar.session)}  {numbers:<28}  {used}")
    models = sorted({model for bar in bars for model in bar.models})
    forecasts = {each for bar in bars for each in bar.predictions}
    print(
        f"{len(bars)} bars restated, {len(difference.added)} added, {len(difference.withdrawn)} withdrawn; used by "
        f"{len(models)} models ({', '.join(models) or '-'}) and {len(forecasts)} served forecasts"
    )
