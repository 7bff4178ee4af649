"""The demo, killed half-way and started again, prints what docs/demo.md shows, to the word."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from evergreen.adapters.database import ledger, reading
from evergreen.adapters.infra.processes import Stack
from evergreen.ops.demo import PARTS, demo_settings
from evergreen.workspace import REPOSITORY, Workspace
from tests.flows.test_stack import kill

pytestmark = [pytest.mark.faults, pytest.mark.server, pytest.mark.timeout(3000)]
HALF_WAY = "2008-11-03"  # a canary has begun
PATIENCE = 1200.0  # seconds
BEGINS, ENDS = "For 1", "champion  "  # the first and the last line of the account


def account(text: str) -> list[str]:
    """The lines of the demo's account."""
    lines = [line.rstrip() for line in text.splitlines()]
    begin = next(place for place, line in enumerate(lines) if line.startswith(BEGINS))
    end = next(place for place, line in enumerate(lines) if line.startswith(ENDS))
    return lines[begin : end + 1]


def walked_to(home: Path) -> str:
    if not (home / "evergreen.db").exists():
        return ""
    settings = demo_settings(home)
    with reading(Workspace(settings).engine) as conn:
        return ledger.clock(conn, settings.model_name) or ""


def test_demo__killed_half_way_and_started_again_prints_the_account_of_the_page(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("EVERGREEN_", "PREFECT_"))}
    command = [sys.executable, "-m", "evergreen", "demo", "--home", str(home)]
    as_wide = alone | {"COLUMNS": "80"}
    try:
        with subprocess.Popen(command, env=as_wide, stdout=subprocess.DEVNULL) as first:
            deadline = time.monotonic() + PATIENCE
            while walked_to(home) < HALF_WAY and first.poll() is None and time.monotonic() < deadline:
                time.sleep(1)
            assert first.poll() is None and walked_to(home) >= HALF_WAY
            kill(Stack(home))
            psutil.Process(first.pid).kill()
        again = subprocess.run(command, env=as_wide, capture_output=True, text=True, timeout=PATIENCE, check=False)
    finally:
        Stack(home).stop()
    assert again.returncode == 0, again.stderr
    assert PARTS in " ".join(again.stdout.split())
    assert account(again.stdout) == account((REPOSITORY / "docs" / "demo.md").read_text())
