from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.world import World, ready_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return ready_world(tmp_path / "home")
