from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from evergreen.workspace import Workspace
from tests.conftest import enter


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty workspace, on the clock of a replay."""
    return enter(tmp_path / "home", monkeypatch)


class Vendor:
    """A folder of bars to be delivered, which a test rewrites."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.spec = f"files:{folder}"
        self._file = folder / "bars.parquet"

    def tells(self, bars: pd.DataFrame) -> None:
        """What the vendor says from now on."""
        bars.to_parquet(self._file)


@pytest.fixture
def vendor(tmp_path: Path) -> Vendor:
    return Vendor(tmp_path / "vendor")
