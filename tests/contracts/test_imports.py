"""The import contracts have no hole: what they forbid, added to a copy of the tree, fails the check by name."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from evergreen.workspace import REPOSITORY

TOOLS = REPOSITORY / ".venv" / "bin"
OURS = {"evergreen", "flows", "tasks"}
FORBIDDEN = {  # where a line is added, the line, and the arrow the check must name
    "a label reads a delivery": (
        "evergreen/core/dataset/labels.py",
        "import evergreen.market_data.delivery",
        "evergreen.core.dataset.labels -> evergreen.market_data.delivery",
    ),
    "restatement impact calls the demo": (
        "evergreen/market_data/restatement_impact.py",
        "import evergreen.ops.demo",
        "evergreen.market_data.restatement_impact -> evergreen.ops.demo",
    ),
    "quarantine calls the service": (
        "evergreen/market_data/quarantine.py",
        "import evergreen.service.app",
        "evergreen.market_data.quarantine -> evergreen.service.app",
    ),
    "core reads settings": (
        "evergreen/core/drift/check.py",
        "import evergreen.settings",
        "evergreen.core.drift.check -> evergreen.settings",
    ),
    "the library imports Prefect": (
        "evergreen/market_data/ingest.py",
        "import prefect",
        "evergreen.market_data.ingest -> prefect",
    ),
    "the service profiles": (
        "evergreen/service/watch.py",
        "import evergreen.adapters.monitoring",
        "evergreen.service.watch -> evergreen.adapters.monitoring",
    ),
    "the library calls a task": ("evergreen/ops/doctor.py", "import tasks", "evergreen.ops.doctor -> tasks"),
    "a task calls a flow": ("tasks/bars.py", "import flows.daily", "tasks.bars -> flows.daily"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code and its contracts, in a folder of their own."""
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for source in (REPOSITORY / "src" / "evergreen", REPOSITORY / "flows", REPOSITORY / "tasks"):
        shutil.copytree(source, tmp_path / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def check(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A check of `make check` run on the copy, which is found before the tree it was made from."""
    wide = os.environ | {"PYTHONPATH": str(copy), "COLUMNS": "200"}
    return subprocess.run(
        [TOOLS / command[0], *command[1:]], cwd=copy, env=wide, capture_output=True, text=True, check=False
    )


def lint_imports(copy: Path) -> subprocess.CompletedProcess[str]:
    return check(copy, "lint-imports", "--no-cache")


def test_contracts__hold_in_an_untouched_copy(copy: Path) -> None:
    checked = lint_imports(copy)
    assert checked.returncode == 0, checked.stdout
    assert "0 broken" in checked.stdout


@pytest.mark.parametrize("case", FORBIDDEN)
def test_contracts__name_the_forbidden_import(copy: Path, case: str) -> None:
    file, line, arrow = FORBIDDEN[case]
    with (copy / file).open("a") as module:
        module.write(f"\n{line}\n")
    checked = lint_imports(copy)
    assert checked.returncode == 1, checked.stdout
    assert arrow in checked.stdout.replace("\n", " ")


@pytest.mark.parametrize("room", ["evergreen", "evergreen/adapters", "evergreen/core"])
def test_contracts__name_a_module_that_stands_in_no_layer(copy: Path, room: str) -> None:
    (copy / room / "loose_module.py").write_text('"""A module without a room."""\n')
    checked = lint_imports(copy)
    assert checked.returncode == 1, checked.stdout
    assert "loose_module" in checked.stdout


def private_imports(root: Path) -> list[str]:
    """Imports of a name or a module that its owner begins with an underscore."""
    imports = [
        (file.relative_to(root), node.lineno, name)
        for file in sorted(root.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS
        for name in [*str(node.module).split("."), *(alias.name for alias in node.names)]
    ]
    return [f"{file}:{line} {name}" for file, line, name in imports if name.startswith("_") and name != "__version__"]


def test_private_names__stay_in_their_modules(copy: Path) -> None:
    assert private_imports(copy) == []
    (copy / "borrower.py").write_text("from evergreen.market_data.ingest import _fetch\n")
    assert private_imports(copy) == ["borrower.py:1 _fetch"]


def test_private_names__are_not_reached_through_their_module(copy: Path) -> None:
    borrower = copy / "evergreen" / "research" / "borrower.py"
    borrower.write_text('"""Borrows."""\n\nfrom evergreen.market_data import ingest\n\nBORROWED = ingest._fetch\n')
    checked = check(copy, "ruff", "check", "--no-cache", "--output-format", "concise", "evergreen/research")
    assert checked.returncode == 1, checked.stdout
    assert "borrower.py:5" in checked.stdout and "`_fetch`" in checked.stdout
