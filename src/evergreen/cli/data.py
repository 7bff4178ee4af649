"""Bars: what is wrong with them, and their versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from evergreen.settings import load_settings

app = typer.Typer()
versions = typer.Typer(help="Versions of the bars.", no_args_is_help=True)


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(help="CSV or Parquet files or folders of bars.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Look for what must not enter the bar store. Exit 0 clean, 1 findings that refuse something, 2 unreadable."""
    from evergreen.inspection import inspect_paths

    inspection = inspect_paths(paths, load_settings().calendar, datetime.now(UTC))
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
            print(f"{version.id}  {version.as_of}  +{version.rows_added} -{version.rows_refused}  {version.source}")


@versions.command("checkout")
def data_checkout(version: str, target: Path) -> None:
    """Write the bars of a data version into a folder of their own."""
    from evergreen.workspace import Workspace

    Workspace(load_settings()).snapshots.checkout(version, target)
    print(f"{version} is in {target}")
