"""Work that is asked of the Prefect server."""

from __future__ import annotations

from typing import Annotated

import typer

from evergreen.cli.asking import start

app = typer.Typer()

Tickers = Annotated[
    list[str] | None,
    typer.Option(
        "--ticker", help="Repeat for several; if absent those of the market setting, or all of another source."
    ),
]


@app.command()
def daily(source: str | None = None, ticker: Tickers = None, as_of: str | None = None) -> None:
    """Ask the server for a run of `daily` now."""
    start("daily/daily", {"source": source, "tickers": ticker, "as_of": as_of})


@app.command()
def backfill(source: str | None = None, ticker: Tickers = None, as_of: str | None = None) -> None:
    """Ask the server to load a source's history and to train a first champion."""
    start("backfill/backfill", {"source": source, "tickers": ticker, "as_of": as_of})


@app.command()
def retrain(reason: Annotated[str, typer.Option(help="Why; it goes into the decision log.")]) -> None:
    """Ask the server for a challenger."""
    start("retrain/retrain", {"reason": reason})


@app.command()
def reconcile() -> None:
    """Ask the server to finish or undo what a crash left half-done."""
    start("reconcile/reconcile", {})


@app.command()
def deploy(
    pool: Annotated[str, typer.Option(help="process, docker or kubernetes.")] = "process",
) -> None:
    """Register every flow on the Prefect server, with its work pool; IMAGE names what containers run."""
    from evergreen.ops.local_stack import api_url
    from evergreen.ops.work_pools import deploy_to, from_environment
    from evergreen.settings import load_settings

    settings = load_settings()
    url = api_url(settings)
    name = deploy_to(pool, url, from_environment(), settings.home / "logs" / "deploy.log", settings.market)
    print(f"deployed to {name} on {url}: type `prefect worker start --pool {name} --type {pool}`")
