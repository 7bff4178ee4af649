"""The command line. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from evergreen.errors import BadInput, EvergreenError
from evergreen.settings import load_settings

app = typer.Typer(
    help="Keeps a stock-price model true to its market.", no_args_is_help=True, pretty_exceptions_enable=False
)
canary_app = typer.Typer(help="The running canary.", no_args_is_help=True)
data_app = typer.Typer(help="Versions of the bars.", no_args_is_help=True)
app.add_typer(canary_app, name="canary")
app.add_typer(data_app, name="data")

Tickers = Annotated[list[str] | None, typer.Option("--ticker", help="Repeat for several; all of the source if absent.")]


def main() -> None:
    """Run a command; an error meant for a person is one sentence on stderr."""
    try:
        app()
    except EvergreenError as error:
        print(f"evergreen: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


@app.command()
def demo(
    home: Annotated[Path, typer.Option(help="Where the demo keeps everything.")] = Path(".evergreen/demo"),
    fresh: Annotated[bool, typer.Option(help="Forget an earlier demo first.")] = False,
) -> None:
    """Walk real prices through the break of 2008, on a stack of its own, in a few minutes."""
    import shutil
    import signal

    from rich.console import Console

    from evergreen.adapters.stack import Stack
    from evergreen.demo import Walk, run_demo
    from evergreen.workspace import require_writable

    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    require_writable(home)
    if fresh:
        Stack(home).stop()
        shutil.rmtree(home)
    run_demo(home.resolve(), home.parent / "demo.json", Walk(), Console())


@app.command()
def up(
    prefect_port: Annotated[int, typer.Option(help="0 takes a free port.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="0 takes a free port.")] = 5000,
    service_port: Annotated[int, typer.Option(help="0 takes a free port.")] = 8780,
) -> None:
    """Start the stack and leave it running: Prefect server, worker, MLflow, service."""
    from evergreen import embedded
    from evergreen.adapters.stack import Stack

    settings = load_settings()
    if running := Stack(settings.home).alive():
        raise BadInput(
            f"{len(running)} processes run already.", "See `evergreen status`; stop them with `evergreen down`."
        )
    told = embedded.start(settings, embedded.Ports(prefect_port, mlflow_port, service_port), print)
    print(f"export PREFECT_API_URL={told['PREFECT_API_URL']}")


@app.command()
def down() -> None:
    """Stop exactly what `up` started."""
    from evergreen.adapters.stack import Stack

    stopped = Stack(load_settings().home).stop()
    print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def status() -> None:
    """Who serves what, what runs, and what to type if something is wrong."""
    from evergreen.status import lines

    for line in lines(load_settings()):
        print(line)


@app.command()
def serve() -> None:
    """Run the prediction service in the foreground."""
    from evergreen.service.app import serve as run

    run(load_settings())


@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(help="CSV or Parquet files or folders of bars.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Look for what must not enter the bar store. Exit 0 clean, 1 findings that block, 2 unreadable."""
    from evergreen.inspection import inspect_paths

    findings = [finding.to_dict() for finding in inspect_paths(paths, load_settings().calendar, datetime.now(UTC))]
    if as_json:
        print(json.dumps({"findings": findings}, indent=2, default=str))
    else:
        _print_findings(findings)
    raise typer.Exit(1 if any(finding["severity"] != "warn" for finding in findings) else 0)


def _print_findings(findings: list[dict[str, Any]]) -> None:
    for finding in findings:
        print(f"{finding['severity']:<10} {finding['rule']:<20} {finding['ticker'] or '-':<8} {finding['message']}")
    print(f"{len(findings)} findings")


@app.command()
def audit() -> None:
    """Recompute the hash chain of the decision log."""
    from evergreen.adapters.database import decisions, reading
    from evergreen.errors import Broken
    from evergreen.workspace import Workspace

    with reading(Workspace(load_settings()).engine) as conn:
        breaks = decisions.verify(conn)
    if breaks:
        raise Broken(f"The decision log is broken at {breaks[0]}.", "Restore it from a backup.")
    print("the decision log is whole")


@data_app.command("log")
def data_log(limit: int = 20) -> None:
    """The last data versions, newest first."""
    from evergreen.adapters.database import ledger, reading
    from evergreen.workspace import Workspace

    with reading(Workspace(load_settings()).engine) as conn:
        for version in ledger.data_versions(conn, limit):
            print(f"{version.id}  {version.as_of}  +{version.rows_added} -{version.rows_refused}  {version.source}")


@data_app.command("checkout")
def data_checkout(version: str, target: Path) -> None:
    """Write the bars of a data version into a folder of their own."""
    from evergreen.workspace import Workspace

    Workspace(load_settings()).snapshots.checkout(version, target)
    print(f"{version} is in {target}")


@app.command()
def daily(source: str = "sample", ticker: Tickers = None, as_of: str | None = None) -> None:
    """Ask the server for a run of `daily` now."""
    _start("daily/daily", {"source": source, "tickers": ticker, "as_of": as_of})


@app.command()
def backfill(source: str = "sample", ticker: Tickers = None, as_of: str | None = None) -> None:
    """Ask the server to load a source's history and to train a first champion."""
    _start("backfill/backfill", {"source": source, "tickers": ticker, "as_of": as_of})


@app.command()
def retrain(reason: Annotated[str, typer.Option(help="Why; it goes into the decision log.")]) -> None:
    """Ask the server for a challenger."""
    _start("retrain/retrain", {"reason": reason})


@canary_app.command("status")
def canary_status() -> None:
    """How the running canary stands."""
    from evergreen.status import canary_lines

    for line in canary_lines(load_settings()):
        print(line)


@canary_app.command("step")
def canary_step() -> None:
    """Ask the server to look at the canary now."""
    _start("canary/canary", {})


@canary_app.command("promote")
def canary_promote(reason: Annotated[str, typer.Option()]) -> None:
    """Make the challenger champion by a person's word."""
    _start("rollback/rollback", {"reason": reason, "action": "promote"})


@canary_app.command("rollback")
def canary_rollback(
    reason: Annotated[str, typer.Option()],
    previous: Annotated[bool, typer.Option(help="Bring the previous champion back instead.")] = False,
) -> None:
    """End the running canary, or bring the previous champion back."""
    _start("rollback/rollback", {"reason": reason, "action": "restore" if previous else "cancel"})


@app.command()
def reconcile() -> None:
    """Ask the server to finish or undo what a crash left half-done."""
    _start("reconcile/reconcile", {})


def _start(deployment: str, parameters: dict[str, Any]) -> None:
    from evergreen.adapters.prefect_api import PrefectApi
    from evergreen.embedded import api_url

    given = {name: value for name, value in parameters.items() if value is not None}
    api = PrefectApi(api_url(load_settings()))
    run = api.start(deployment, given)
    print(f"{run.name} is asked for: {api.page(run)}")
