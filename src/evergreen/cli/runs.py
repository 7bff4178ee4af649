"""Work that is asked of the Prefect server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evergreen.cli.asking import require_askable_training, server, start
from evergreen.cli.output import AsJson, tell

if TYPE_CHECKING:
    from evergreen.adapters.infra.prefect_api import FlowRun, PrefectApi

app = typer.Typer()

Tickers = Annotated[
    list[str] | None,
    typer.Option(
        "--ticker", help="Repeat for several; if absent those of the market setting, or all of another source."
    ),
]


Source = Annotated[str | None, typer.Option(help="Such as files:FOLDER; by default the market setting's.")]


@app.command()
def daily(source: Source = None, ticker: Tickers = None, as_of: str | None = None) -> None:
    """Ask the server for a run of `daily` now."""
    start("daily/daily", {"source": _from_root(source), "tickers": ticker, "as_of": as_of})


@app.command()
def backfill(source: Source = None, ticker: Tickers = None, as_of: str | None = None) -> None:
    """Ask the server to load a source's history and to train a first champion."""
    from evergreen.ops.first_hour import AFTER_BACKFILL

    start("backfill/backfill", {"source": _from_root(source), "tickers": ticker, "as_of": as_of})
    for line in AFTER_BACKFILL:
        print(line)


def _from_root(source: str | None) -> str | None:
    """The worker has another working directory."""
    from evergreen.settings.places import absolute_source

    return source and absolute_source(source, Path())


@app.command()
def retrain(
    reason: Annotated[str, typer.Option(help="Why; it goes into the decision log.")],
    horizon: Annotated[int | None, typer.Option(min=1, help="Sessions ahead; by default the champion's.")] = None,
    learner: Annotated[
        str | None, typer.Option(help="lightgbm, ridge, blend or another; by default the champion's.")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=1, help="Walk-forward windows; fewer suit a short history.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the training.")] = None,
    tuning_budget: Annotated[int | None, typer.Option(min=0, help="Configurations to search among.")] = None,
    target: Annotated[str | None, typer.Option(help="What it forecasts; by default the setting `target`.")] = None,
) -> None:
    """Ask the server for a challenger."""
    choices = {"horizon": horizon, "learner": learner, "folds": folds, "seed": seed, "tuning_budget": tuning_budget}
    chosen = {name: value for name, value in (choices | {"target": target}).items() if value is not None}
    require_askable_training(chosen)
    start("retrain/retrain", {"reason": reason} | chosen)


@app.command()
def reconcile() -> None:
    """Ask the server to finish or undo what a crash left half-done."""
    start("reconcile/reconcile", {})


@app.command()
def run(
    deployment: Annotated[str, typer.Argument(help="Such as daily, retrain or replay.")],
    param: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, a text or JSON; may be repeated.")] = None,
    key: Annotated[str, typer.Option(help="A run asked for with the same key is found again, not repeated.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Until it has ended.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the server for a run. Exit 0 completed or asked for, 1 failed or crashed, 2 refused, 3 cancelled."""
    from evergreen.ops.flow_runs import OUTCOMES, parse_parameters, wait_for

    api = server()
    full_name = deployment if "/" in deployment else f"{deployment}/{deployment}"
    parameters = parse_parameters(param or [], api.parameters(full_name))
    flow_run = api.start(full_name, parameters, key)
    if wait:
        flow_run = wait_for(api, flow_run, lambda each: print(f"{each.name}: {each.state.lower()}", file=sys.stderr))
    tell([_line(api, flow_run)], _content(api, flow_run), as_json)
    raise typer.Exit(OUTCOMES.get(flow_run.state, 0))


def _line(api: PrefectApi, run: FlowRun) -> str:
    message = f" ({run.message})" if run.message else ""
    return f"{run.name} is {run.state.lower()}{message}: {api.page(run)}"


def _content(api: PrefectApi, run: FlowRun) -> dict[str, str]:
    return {"id": run.id, "name": run.name, "state": run.state, "message": run.message, "page": api.page(run)}


@app.command()
def deploy(
    pool: Annotated[str, typer.Option(help="process, docker or kubernetes.")] = "process",
) -> None:
    """Register every flow on the Prefect server, with its work pool; IMAGE names what containers run."""
    from evergreen.ops.known_server import prefect_server
    from evergreen.ops.work_pools import deploy_to, from_environment
    from evergreen.settings import load_settings

    settings = load_settings()
    server = prefect_server(settings)
    name = deploy_to(pool, server, from_environment(), settings.home / "logs" / "deploy.log", settings.market)
    print(f"deployed to {name} on {server['PREFECT_API_URL']}: type `prefect worker start --pool {name} --type {pool}`")
