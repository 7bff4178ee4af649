"""The settings of the project a notebook lies in, wherever Jupyter was started."""

from __future__ import annotations

import tempfile
from pathlib import Path

from evergreen.settings import Settings, load_settings

MARKS = ("evergreen.toml", "prefect.yaml", "pyproject.toml")


def workspace_settings(start: Path) -> Settings:
    """Settings of the nearest folder at or above `start` that holds a project; `home` is made absolute.

    Raises:
        BadSetting: as `load_settings`.
    """
    folders = (start.resolve(), *start.resolve().parents)
    root = next((each for each in folders if any((each / mark).exists() for mark in MARKS)), folders[0])
    settings = load_settings(root / "evergreen.toml")
    return settings.model_copy(update={"home": root / settings.home})


def run_folder(settings: Settings, output: str) -> Path:
    """The folder a run writes to: `output`, or a new one among the runs when that is empty."""
    if output:
        folder = Path(output).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    settings.runs.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="research-", dir=settings.runs))
