"""Where a replay leaves what it finds."""

from __future__ import annotations

import os
from pathlib import Path

from evergreen.errors import BadSetting


def require_writable(folder: Path) -> None:
    """Make a folder, unless it is there, and pass only if files can be written to it.

    Raises:
        BadSetting: they cannot, or something else is there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadSetting(f"no folder can be made at {folder}: {error.strerror}.", "Name another place.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadSetting(f"{folder} cannot be written to.", "Name another place.")
