"""Every step of the workflows is a make target that exists; those that judge a pull request are run here, in order."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from evergreen.workspace import REPOSITORY

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
NOT_MADE = ("sudo apt-get ", "gh pr comment ")  # the machine's own set-up, and a comment that needs a token


@dataclass(frozen=True)
class Step:
    """One `run:` of a workflow, with the variables it is given."""

    workflow: str
    job: str
    run: str
    env: dict[str, str]

    def __str__(self) -> str:
        return f"{self.workflow}-{self.job}-{self.run}"

    @property
    def needs_secret(self) -> bool:
        return any("secrets." in str(value) for value in self.env.values())


def steps() -> Iterator[Step]:
    for file in WORKFLOWS:
        declared: dict[str, Any] = yaml.safe_load(file.read_text())
        for name, job in declared["jobs"].items():
            for step in job["steps"]:
                if "run" in step:
                    yield Step(file.stem, name, step["run"], step.get("env", {}))


def targets(step: Step) -> list[str]:
    """The make targets a step asks for; a choice of the person who starts it stands for each of its options."""
    file = REPOSITORY / ".github" / "workflows" / f"{step.workflow}.yml"
    target = re.fullmatch(r'make (?:-C base )?"?([\w$-]+)"?', step.run)
    assert target, f"{step} does not call one make target"
    if target[1] != "$ACTION":
        return [target[1]]
    declared = yaml.safe_load(file.read_text())
    return list(declared[True]["workflow_dispatch"]["inputs"]["action"]["options"])  # YAML 1.1 reads `on` as true


@pytest.mark.parametrize("step", steps(), ids=str)
def test_step__is_a_make_target_that_exists(step: Step) -> None:
    if step.run.startswith(NOT_MADE):
        assert step.needs_secret or step.run.startswith("sudo")
        return
    for target in targets(step):
        completed = subprocess.run(
            ["make", "--dry-run", target], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        assert completed.returncode == 0, completed.stderr


def test_steps__no_expression_of_the_event_is_pasted_into_a_shell() -> None:
    assert [str(step) for step in steps() if "${{" in step.run] == []


def test_workflows__ask_for_no_right_they_do_not_need() -> None:
    for file in WORKFLOWS:
        assert yaml.safe_load(file.read_text())["permissions"] == {"contents": "read"}, file.name


def beside(folder: Path) -> Path:
    """A checkout of this tree: its files, linked, and a folder of its own for what is made."""
    folder.mkdir()
    for entry in REPOSITORY.iterdir():
        if entry.name not in (".evergreen", "base"):
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.mark.slow
def test_comparison__its_steps_run_in_order_and_say_what_changed(tmp_path: Path) -> None:
    changed = beside(tmp_path / "changed")
    beside(changed / "base")
    for step in steps():
        if step.workflow == "comparison" and not step.needs_secret:
            completed = subprocess.run(
                step.run,
                shell=True,
                cwd=changed,
                env=os.environ | step.env,
                capture_output=True,
                text=True,
                check=False,
            )
            assert completed.returncode == 0, completed.stderr
    report = (changed / ".evergreen" / "comparison" / "comparison.md").read_text()
    assert "Nothing: both train the same model, byte for byte" in report


def test_image__is_locked_to_the_versions_that_are_tested() -> None:
    pinned = [
        {line.split()[0] for line in (REPOSITORY / name).read_text().splitlines() if re.match(r"[\w.\[\]-]+==", line)}
        for name in ("requirements-image.lock", "requirements.lock")
    ]
    assert pinned[0] <= pinned[1]
    assert not {name for name in pinned[0] if name.startswith(("pytest==", "ruff==", "jupyterlab=="))}
