"""What the parts of the stack write."""

from __future__ import annotations

from typing import Annotated

import typer

from evergreen.cli.here import load_settings
from evergreen.cli.output import say

app = typer.Typer()


@app.command()
def logs(
    part: Annotated[
        str, typer.Argument(help="Such as prefect, worker, mlflow or service; all of them if absent.")
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    last: Annotated[int, typer.Option(min=0, max=1_000_000, help="Lines of each part to begin with.")] = 20,
) -> None:
    """The last lines that the parts of the stack wrote, each with its part's name."""
    from evergreen.ops.logs import follow_logs, log_files, tail

    files = log_files(load_settings().home, part)
    for name, file in files.items():
        say(f"{name:<10} {line}" for line in tail(file, last))
    if follow:
        try:
            say(f"{name:<10} {line}" for name, line in follow_logs(files))
        except KeyboardInterrupt:
            return
