"""What a person waits for at the prompt: processor seconds of commands beside an empty typer program, in one run."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from sqlalchemy import text

from benchmarks.served import build
from evergreen.adapters.database import reading
from evergreen.service.answering import Answerer, Question
from evergreen.service.metrics import Metrics
from evergreen.service.refresh import Keeper
from evergreen.service.store import DiskStore
from evergreen.settings import Settings
from evergreen.workspace import Workspace

RUNS = 5  # the median of them: one start in a busy minute is not the command's fault
EMPTY = """
import typer
app = typer.Typer()
@app.command()
def nothing() -> None:
    pass
@app.command()
def nothing_else() -> None:
    pass
app()
"""
COMMANDS = {
    "empty typer program --help": ["-c", EMPTY, "--help"],
    "evergreen --help": ["-m", "evergreen", "--help"],
    "evergreen status": ["-m", "evergreen", "status"],
    "evergreen explain": ["-m", "evergreen", "explain"],
}


def main() -> None:
    """Print each command's processor seconds and its ratio to the empty program."""
    with tempfile.TemporaryDirectory() as folder:
        settings = build(Path(folder))
        COMMANDS["evergreen explain"].append(_answered(settings))
        environment = os.environ | settings.variables()
        seconds = {
            name: median(_processor(command, environment) for _ in range(RUNS)) for name, command in COMMANDS.items()
        }
    empty = seconds["empty typer program --help"]
    for name, taken in seconds.items():
        print(f"{name:<28} {taken:5.2f} s of processor, {taken / empty:4.1f} x the empty program")


def _answered(settings: Settings) -> str:
    """The id of one forecast, answered by the service's own parts."""
    store, metrics = DiskStore(settings), Metrics()
    keeper = Keeper(store, metrics)
    keeper.look(datetime.now(UTC))
    assert keeper.snapshot is not None, keeper.alarms
    Answerer(store.write, metrics, 3, store.target).settle([Question(keeper.snapshot, "somebody", "champion", (0,))])
    with reading(Workspace(settings).engine) as conn:
        return str(conn.execute(text("select id from prediction")).scalar())


def _processor(command: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
