"""The commands that the documents show: each is one the command line takes, and those of the first hour are run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.exceptions import TyperException
from typer.main import get_command

from evergreen.cli import app
from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate
from evergreen.workspace import REPOSITORY

SINGLE = ("README.md", "AGENTS.md", "CONTRIBUTING.md", "examples/README.md")
PAGES = [*(REPOSITORY / name for name in SINGLE), *sorted((REPOSITORY / "docs").glob("*.md"))]
CODE = [
    file
    for room in ("src", "tasks", "flows")
    for file in sorted((REPOSITORY / room).rglob("*"))
    if file.suffix in (".py", ".html")
]
BEFORE = r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:.+ && )?(?:\.venv/bin/)?"  # in a line of its own
SHOWN = re.compile(rf"`evergreen ([^`]+)`|<code>evergreen ([^<]+)</code>|^{BEFORE}evergreen (.+)$", re.MULTILINE)
OPTIONAL = str.maketrans("[]", "  ")  # as in `evergreen logs [PART] [--follow]`
FILLED_IN = re.compile(r"\{[^}]*\}")  # by a sentence of the code


def commands(page: Path) -> list[list[str]]:
    """What follows `evergreen` wherever a page shows a command, without its remark."""
    whole_lines = FILLED_IN.sub("", page.read_text().replace("\\\n", " "))
    shown = [next(filter(None, groups)) for groups in SHOWN.findall(whole_lines)]
    first = [text.partition("&&")[0].translate(OPTIONAL) for text in shown]
    return [words for text in first if (words := shlex.split(text, comments=True))]


def mistake(words: list[str]) -> str:
    """Why the command line would not take a command: a name or an option that there is not, or a word too many."""
    command = get_command(app)
    while words and not words[0].startswith("-") and hasattr(command, "commands"):
        if words[0] not in command.commands:
            return f"no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    a_group_alone = hasattr(command, "commands") and not words  # it tells what it has
    return "" if a_group_alone else _misused(command, words)


def _misused(command: Any, words: list[str]) -> str:
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    if unknown := [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]:
        return f"no option {unknown[0]}"
    if words[-1:] and words[-1].startswith("--"):
        words = words[:-1]  # named by a sentence about it, without its value
    try:
        _, too_many, _ = command.make_parser(command.context_class(command)).parse_args(list(words))
    except TyperException as error:
        return str(error)
    return f"{too_many} too many" if too_many else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_page__shows_commands_that_there_are(page: Path) -> None:
    assert [(words, mistake(words)) for words in commands(page) if mistake(words)] == []


def test_code__tells_a_person_to_type_commands_that_there_are() -> None:
    hints = [(file.name, words) for file in CODE for words in commands(file)]
    assert len(hints) > 50
    assert [(name, words, mistake(words)) for name, words in hints if mistake(words)] == []


def test_commands__are_found_and_wrong_ones_are_named() -> None:
    assert ["init", "path/to/folder"] in commands(REPOSITORY / "docs" / "how-to.md")
    assert ["init", "FOLDER"] in commands(REPOSITORY / "README.md")
    assert ["restore", "/backups/2008-11-04"] in commands(REPOSITORY / "docs" / "team.md")
    assert [mistake(words) for words in (["init", "x", "-y"], ["canary", "status", "--json"], ["canary"])] == [""] * 3
    for wrong in (["innit"], ["init", "x", "--yess"], ["init", "x", "-q"], ["down", "now"], ["canary", "stat"]):
        assert mistake(wrong), wrong


def lines_beneath(page: Path, command: str) -> list[str]:
    """The lines that a page shows beneath `$ command`."""
    after = page.read_text().split(f"$ {command}\n", 1)[1]
    return re.split(r"\n\$ |\n```", after, maxsplit=1)[0].splitlines()


def test_first_hour__says_what_the_commands_print(tmp_path: Path) -> None:
    bars = simulate(2, 524, seed=2)
    sessions = Calendar("XNYS").sessions(pd.Timestamp("2020-01-01"), pd.Timestamp("2023-01-01"))[:524]
    (tmp_path / "bars").mkdir()
    for ticker, rows in bars.groupby("ticker"):
        rows.assign(session=sessions).to_csv(tmp_path / "bars" / f"{ticker}.csv", index=False)
    for command in ("evergreen validate bars", "evergreen init bars --yes"):
        run = [sys.executable, "-m", *shlex.split(command)]
        printed = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
        shown = lines_beneath(REPOSITORY / "docs" / "tutorial.md", command)
        assert [line for line in shown if line not in printed] == []


@pytest.mark.parametrize("command", ["evergreen status", "evergreen audit"])
def test_how_to__says_what_the_commands_print_where_nothing_is_yet(tmp_path: Path, command: str) -> None:
    run = [sys.executable, "-m", *shlex.split(command)]
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("EVERGREEN_", "PREFECT_"))}
    printed = subprocess.run(run, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False).stdout
    shown = lines_beneath(REPOSITORY / "docs" / "how-to.md", command)
    assert shown and [line for line in shown if line.removesuffix("...") not in printed] == []
