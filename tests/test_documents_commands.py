"""The commands that the documents show: each is one the command line takes, and those of the first hour are run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.main import get_command

from evergreen.cli import app
from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate
from evergreen.workspace import REPOSITORY

PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md"), REPOSITORY / "examples" / "README.md"])
SHOWN = re.compile(r"`evergreen ([^`]+)`|^(?:\$ )?evergreen (.+)$", re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """What follows `evergreen` wherever a page shows a command, without its remark."""
    whole_lines = page.read_text().replace("\\\n", " ")
    shown = [inline or line for inline, line in SHOWN.findall(whole_lines)]
    return [words for text in shown if (words := shlex.split(text, comments=True))]


def mistakes(words: list[str]) -> list[str]:
    """The options in a command that it does not have; the command itself where there is none of that name."""
    command = get_command(app)
    while words and hasattr(command, "commands"):
        if words[0].startswith("-"):
            break
        if words[0] not in command.commands:
            return [words[0]]
        command, words = command.commands[words[0]], words[1:]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    return [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_page__shows_commands_that_there_are(page: Path) -> None:
    assert [words for words in commands(page) if mistakes(words)] == []


def test_commands__are_found_and_wrong_ones_are_named() -> None:
    assert ["init", "path/to/folder"] in commands(REPOSITORY / "docs" / "how-to.md")
    assert mistakes(["innit"]) == ["innit"] and mistakes(["init", "x", "--yess"]) == ["--yess"]


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
