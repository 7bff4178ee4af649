"""What a researcher brings to the loop."""

from __future__ import annotations

from typing import Annotated

import typer

from evergreen.cli.asking import start

app = typer.Typer()


@app.command()
def challenge(
    run_id: Annotated[str, typer.Argument(help="A finished run of the training notebook, by its MLflow id.")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the decision log.")] = "a research run",
) -> None:
    """Put a research run's model before the gate that automatic retrainings pass."""
    start("retrain/retrain", {"run_id": run_id, "reason": reason})
