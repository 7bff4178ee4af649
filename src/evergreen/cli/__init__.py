"""The command line: one module a topic. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import locale
import os
import sys
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from evergreen import __version__
from evergreen.cli import (
    backup,
    canary,
    comparing,
    data,
    init,
    keys,
    logs,
    mcp,
    quarantine,
    records,
    replay,
    requests,
    research,
    runs,
    stack,
)
from evergreen.core.printable import printable
from evergreen.errors import EvergreenError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
for topic in (
    init.app,
    stack.app,
    logs.app,
    data.app,
    runs.app,
    research.app,
    records.app,
    backup.app,
    comparing.app,
    replay.app,
    mcp.app,
):
    app.add_typer(topic)
app.add_typer(data.versions, name="data")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(canary.app, name="canary")
app.add_typer(requests.app, name="requests")
app.add_typer(keys.app, name="key")
app.add_typer(records.served, name="predictions")


def _print_version(asked_for: bool) -> None:
    if asked_for:
        print(f"evergreen {__version__}")
        raise typer.Exit


@app.callback()
def entry(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Keeps a stock-price model true to its market."""


def main() -> None:
    """Run a command; an error meant for a person, or what a disk says, is one sentence on stderr."""
    _require_utf8()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: a terminal that knows ASCII alone is no error
    try:
        app()
    except EvergreenError as error:
        _end(str(error), error.exit_code)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _end(f"{place}{error.strerror or error}.", EvergreenError.exit_code)


def _require_utf8() -> None:
    """Begin anew in Python's UTF-8 mode where the locale has another encoding: files and their names are in UTF-8."""
    if locale.getencoding().upper() != "UTF-8" and not sys.flags.utf8_mode:
        os.environ["PYTHONUTF8"] = "1"  # for whatever is started from here, too
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _end(sentence: str, exit_code: int) -> NoReturn:
    print(f"evergreen: {printable(sentence)}", file=sys.stderr)
    raise SystemExit(exit_code) from None
