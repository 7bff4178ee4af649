"""What the records say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evergreen.cli.here import load_settings
from evergreen.cli.output import AsJson, say, tell

app = typer.Typer()
Exported = Annotated[
    Path | None,
    typer.Option("--exported", help="Look in what `predictions export` wrote: a file, or a folder of them."),
]
served = typer.Typer(help="The log of what was served.", no_args_is_help=True)


@app.command()
def audit(
    head: Annotated[
        list[str] | None, typer.Option(help="A head printed before: prove that all records up to it are unchanged.")
    ] = None,
) -> None:
    """Recompute the chains of decisions and predictions, hold them against heads kept before, print their heads."""
    from evergreen.audit.heads import head_hash, kept_heads, require_whole
    from evergreen.workspace import Workspace

    at = Workspace(load_settings())
    known = [*kept_heads(at.settings.home), *map(head_hash, head or ())]
    heads = require_whole(at.engine, known)
    for log, end in heads.items():
        print(f"the {log.name} log is whole: {end.seq} {log.records}, head {end.hash}")
    print(f"{len(known)} heads kept before are in them")
    proof = " ".join(f"--head {end.hash}" for end in heads.values())
    print(f"keep these elsewhere: `evergreen audit {proof}` proves later that nothing before them was changed")


@app.command()
def explain(prediction_id: str, exported: Exported = None, as_json: AsJson = False) -> None:
    """From a served number back to model, run, data version, commit and every decision about it."""
    from evergreen.audit.explain import explain as trace
    from evergreen.workspace import Workspace

    facts = list(trace(Workspace(load_settings()), prediction_id, exported))
    content = [{"what": what, "value": value} for what, value in facts]
    tell([f"{what:<15} {value}" for what, value in facts], content, as_json)


@app.command()
def reproduce(prediction_id: str, exported: Exported = None) -> None:
    """Compute a served number again from versioned data. Exit 0 equal to the bit, 1 says what differs."""
    from evergreen.audit.reproduce import reproduce as recompute
    from evergreen.workspace import Workspace

    compared = recompute(Workspace(load_settings()), prediction_id, exported)
    say(
        f"{each.name:<15} {each.recorded}" + ("" if each.same else f"  recomputed as {each.recomputed}")
        for each in compared
    )
    differing = [each.name for each in compared if not each.same]
    print("reproduced to the bit" if not differing else f"differs, first in: {differing[0]}")
    raise typer.Exit(1 if differing else 0)


@served.command("export")
def export_predictions(
    folder: Annotated[Path, typer.Argument(help="Where the Parquet file goes.")],
    before: Annotated[str | None, typer.Option(help="Only sessions before this date (YYYY-MM-DD).")] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Then delete them from the database: `explain` takes --exported.")
    ] = False,
) -> None:
    """Write the prediction log to one Parquet file."""
    from evergreen.adapters.database import archive
    from evergreen.workspace import Workspace

    at = Workspace(load_settings())
    if forget:
        archive.require_forgettable(at.engine, at.settings.model_name, before)
    written = archive.export(at.engine, folder, before)
    if written is None:
        print("there are no such predictions")
        return
    print(f"{written.rows} predictions of sessions {written.first} to {written.last} in {written.path}")
    if forget:
        print(f"{archive.forget(at.engine, written)} deleted from the database")
