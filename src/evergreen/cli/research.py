"""What a researcher brings to the loop."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from evergreen.cli.asking import require_askable_challenger, server, start
from evergreen.cli.here import load_settings
from evergreen.cli.output import AsJson, tell
from evergreen.errors import BadInput, UnreadableFile

app = typer.Typer()


@app.command()
def challenge(
    run_id: Annotated[str, typer.Argument(help="A finished run of the training notebook, by its MLflow id.")] = "",
    reason: Annotated[str, typer.Option(help="Why; it goes into the decision log.")] = "a research run",
    model: Annotated[Path | None, typer.Option(help="In place of a run: an .onnx file trained elsewhere.")] = None,
    forecasts: Annotated[
        str,
        typer.Option(
            help="In place of a run: a file or URL of forecasts made elsewhere; read again at every session it serves."
        ),
    ] = "",
    trained_through: Annotated[
        str, typer.Option(help="Of --model: the last session whose prices it has seen; it is judged on later ones.")
    ] = "",
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Sessions ahead that it forecasts; by default as the champion.")
    ] = None,
    tried: Annotated[int, typer.Option(min=1, help="Of a file: models it was chosen from.")] = 1,
) -> None:
    """Put a research run's model, a model file or a file of forecasts before the gate that retrainings pass."""
    if sum(map(bool, (run_id, model, forecasts))) != 1:
        hint = "Give RUN_ID, or --model FILE.onnx --trained-through DATE, or --forecasts FILE_OR_URL."
        raise BadInput("a challenge is one run or one file.", hint)
    if model is not None and not model.is_file():
        raise UnreadableFile(f"{model} cannot be read: no such file.", "Give an .onnx file.")
    server()  # without one a file is not judged for nothing
    if forecasts:
        from evergreen.research.given_models import log_delivery
        from evergreen.workspace import Workspace

        run_id, arrivals = log_delivery(Workspace(load_settings()), forecasts, horizon, tried)
        print(f"{arrivals.sentence} They are run {run_id}.")
    if model is not None:
        from evergreen.research.given_models import log_model_file
        from evergreen.workspace import Workspace

        run_id = log_model_file(Workspace(load_settings()), model, trained_through, horizon, tried)
        print(f"{model} is run {run_id}")
    if not (forecasts or model):
        require_askable_challenger(run_id)
    start("retrain/retrain", {"run_id": run_id, "reason": reason, "horizon": horizon})


@app.command("audit-model")
def audit_model(
    function: Annotated[str, typer.Argument(help="MODULE:FUNCTION, called with the bars as the file has them.")],
    bars: Annotated[str, typer.Option(help="CSV or Parquet, a row for each ticker and session.")],
    table: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE, another table for the argument NAME, with a column known_at; may be repeated."),
    ] = None,
    label: Annotated[str, typer.Option(help="The column of the output that may read ahead.")] = "",
    horizon: Annotated[int, typer.Option(min=1, help="Sessions that the label may read ahead.")] = 1,
    raw: Annotated[bool, typer.Option("--raw", help="Prices are as traded: no split rescales them.")] = False,
    cuts: Annotated[int, typer.Option(min=1, help="Sessions at which the bars are cut.")] = 6,
    seed: Annotated[int, typer.Option(help="Of what is changed, and where it is cut.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Does a feature or forecast function look ahead? Exit 0 no, 1 some line moved, 2 it cannot be asked."""
    from evergreen.research.function_audit import auditor, load_function

    odd = [pair for pair in table or [] if "=" not in pair]
    if odd:
        raise BadInput(f"--table {odd[0]} is not NAME=FILE.", "NAME is the argument that takes the table.")
    tables = dict(pair.split("=", 1) for pair in table or [])
    verdict = auditor(load_function(function), bars, tables, label, horizon, not raw, seed).audit(cuts)
    tell(verdict.sentences, asdict(verdict) | {"passed": verdict.passed}, as_json)
    raise typer.Exit(0 if verdict.passed else 1)
