"""Which rules a kept walk or calibration was made by."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path


@lru_cache(1)
def code_version() -> str:
    """What the rules are written down as: a walk under other rules is another walk."""
    rooms = (Path(str(files(f"evergreen.{room}"))) for room in ("core", "replay"))
    texts = [path.read_bytes() for room in rooms for path in sorted(room.rglob("*.py"))]
    return sha256(b"".join(texts)).hexdigest()
