"""What a change of the code does to the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def rehearse(output: Annotated[Path, typer.Argument(help="Where model and executed notebook go.")]) -> None:
    """Train on the packaged sample, small, in some seconds."""
    from evergreen.audit.code_change import rehearse as train

    print(f"model and notebook are in {train(output.resolve())}")


@app.command()
def compare(
    base: Annotated[Path, typer.Argument(help="What `rehearse` left of the code as it was.")],
    changed: Annotated[Path, typer.Argument(help="What `rehearse` left of the code as it is.")],
    report: Annotated[Path, typer.Option(help="Markdown; its picture goes beside it.")] = Path("comparison.md"),
) -> None:
    """Put the changed code's model before the gate, with the other one as champion."""
    from evergreen.audit.code_change import compare_folders

    print(compare_folders(base, changed, report), end="")
