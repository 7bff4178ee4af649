"""The table of faults names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TABLE = (TESTS.parent / "docs" / "faults.md").read_text()
NAMED = re.findall(r"`([\w/]+\.py)(?:::(\w+))?` \|", TABLE)


def test_table__names_a_test_for_each_fault() -> None:
    assert len(NAMED) == len([line for line in TABLE.splitlines() if line.startswith("| ")]) - TABLE.count("| fault |")
    assert len(NAMED) > 50


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_table__the_test_is_there(file: str, name: str) -> None:
    assert f"def {name}(" in (TESTS / file).read_text() if name else (TESTS / file).exists()
