"""The embedded Prefect server under many short flow runs: its SQLite file refuses none of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.flow_runs import run

pytestmark = [
    pytest.mark.faults,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.xdist_group("flow runs"),
]


def test_flow_runs__eight_of_them_four_at_once_all_complete_and_no_database_is_locked(tmp_path: Path) -> None:
    story = run(tmp_path / "home", runs=8, at_once=4)
    assert story.states == {"COMPLETED": 8}
    assert story.locked == 0
    assert story.answers, "what runs was read meanwhile"
