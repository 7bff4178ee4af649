"""Every block that a page shows is held by a test: what it prints is compared, what it asks for is run or read."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from evergreen.adapters.models.delivery_file import table_of
from evergreen.core.model import registry as learners
from evergreen.core.model.deliveries import parse_delivery
from evergreen.core.model.targets import registry as targets
from evergreen.ops.local_stack import WORKER
from evergreen.settings import load_settings
from evergreen.workspace import REPOSITORY
from tasks.assets import MODEL
from tests.test_documents_commands import PAGES

HERE = "tests/test_documented_blocks.py"
TYPED = "tests/flows/test_documented_commands.py"
PICTURE = ""  # nothing that is typed or printed
HELD = {  # by page, the test that holds each of its blocks
    "README.md": [TYPED],
    "CONTRIBUTING.md": [HERE, PICTURE],
    "docs/audit-model.md": ["tests/unit/research/test_function_audit.py"],
    "docs/demo.md": ["tests/faults/test_demo.py"],
    "docs/explanation.md": [PICTURE],
    "docs/how-to.md": [TYPED, HERE, HERE, "tests/notebooks/test_how_to.py", HERE, "tests/test_documents_commands.py"],
    "docs/models-from-elsewhere.md": [
        "tests/flows/test_onnx.py",
        "tests/flows/test_onnx.py",
        HERE,
        "tests/flows/test_delivered.py",
    ],
    "docs/prefect.md": [HERE, HERE, HERE],
    "docs/replay.md": ["tests/test_documented_replays.py"],
    "docs/targets.md": ["tests/flows/test_targets.py", HERE],
    "docs/team.md": ["tests/unit/ops/test_doctor.py", "tests/flows/test_backup.py", HERE],
    "docs/tutorial.md": [
        "tests/test_documents_commands.py",
        "tests/test_documents_commands.py",
        "tests/flows/test_stack.py",
        TYPED,
        TYPED,
        "tests/flows/test_stack.py",
        "tests/flows/test_stack.py",
    ],
}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page: str, language: str | None = None) -> list[str]:
    """What stands between a page's fences, of one language or of all."""
    found_blocks = BLOCK.findall((REPOSITORY / page).read_text())
    return [text for name, text in found_blocks if language in (None, name)]


def test_blocks__each_is_held_by_a_test() -> None:
    shown = {str(page.relative_to(REPOSITORY)): len(blocks(str(page.relative_to(REPOSITORY)))) for page in PAGES}
    assert {page: number for page, number in shown.items() if number} == {
        page: len(holders) for page, holders in HELD.items()
    }
    assert [path for holders in HELD.values() for path in holders if path and not (REPOSITORY / path).exists()] == []


@pytest.mark.parametrize(
    ("page", "place"), [("docs/how-to.md", 1), ("docs/how-to.md", 2), ("docs/prefect.md", 2)], ids=str
)
def test_settings__of_a_page_are_taken(page: str, place: int, tmp_path: Path) -> None:
    (tmp_path / "evergreen.toml").write_text(blocks(page)[place])
    settings = load_settings(tmp_path / "evergreen.toml")
    shown = tomllib.loads(blocks(page)[place])
    market, alone = shown.pop("market", {}), shown
    assert market or alone
    assert [name for name in market if getattr(settings.market, name) in ("", None, ())] == []
    assert {name: getattr(settings, name) for name in alone} == alone


@pytest.mark.parametrize(
    ("page", "place", "group"), [("docs/how-to.md", 4, learners.GROUP), ("docs/targets.md", 1, targets.GROUP)]
)
def test_entry_points__of_a_page_are_of_the_group_that_is_read(page: str, place: int, group: str) -> None:
    (entries,) = tomllib.loads(blocks(page)[place])["project"]["entry-points"].items()
    assert entries[0] == group
    assert all(re.fullmatch(r"[\w.]+:\w+", where) for where in entries[1].values())


def test_delivery__as_the_page_shows_it_is_read_whole() -> None:
    text = blocks("docs/models-from-elsewhere.md")[2]
    rows = parse_delivery(table_of(text.encode(), "the page"), "the page")
    assert len(rows) == len(text.splitlines()) - 1 and rows.notna().all().all()


def test_worker__is_started_as_the_stack_starts_its_own() -> None:
    started = shlex.join(WORKER.arguments[1:])
    for page in ("docs/prefect.md", "docs/team.md"):
        assert started in (REPOSITORY / page).read_text()


def test_secret__of_the_page_is_the_one_that_the_manifests_read() -> None:
    secret, apply = blocks("docs/team.md")[2].splitlines()
    create = shlex.split(secret)
    manifests = "".join(file.read_text() for file in sorted((REPOSITORY / apply.split()[-1]).glob("*.yaml")))
    name, namespace = create[create.index("generic") + 1], create[create.index("--namespace") + 1]
    assert f"namespace: {namespace}" in manifests
    assert re.search(rf"secretRef:\s*(?:\{{\s*)?name: {name}", manifests)


def test_events__of_an_asset_are_asked_for_by_its_key() -> None:
    asked_for = parse_qs(urlsplit(blocks("docs/prefect.md")[1].strip()).query)["resource"]
    assert [json.loads(each) for each in asked_for] == [[MODEL.key]]


def test_make__targets_that_pages_name_are_there() -> None:
    targets_there = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    named = {
        (page.name, target)
        for page in PAGES
        for target in re.findall(r"(?:`|^)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE)
    }
    assert ("README.md", "demo") in named
    assert [(page, target) for page, target in sorted(named) if target not in targets_there] == []
