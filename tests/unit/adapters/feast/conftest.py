from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evergreen.adapters.feast import Features
from tests.unit.adapters.feast.rows import REPO


@pytest.fixture(scope="session")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("applied")
    assert Features(root, REPO).apply()
    return root


@pytest.fixture
def store(applied: Path, tmp_path: Path) -> Features:
    """A store of its own for each test: a copy, since the definitions themselves name no place."""
    shutil.copytree(applied, tmp_path / "features")
    return Features(tmp_path / "features", REPO)
