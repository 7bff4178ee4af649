"""Profiles on disk, one file a session: the record that drift is read from."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from evergreen.adapters.monitoring.profiler import Profile, from_bytes, session_of, to_bytes
from evergreen.core.bars.session import iso
from evergreen.errors import Broken, NotFound


def profile_path(root: Path, session: pd.Timestamp) -> Path:
    """Where the profile of `session` is kept."""
    return root / f"{iso(session)}.bin"


def write(view: Profile, root: Path) -> Path:
    """Store a session's profile as `root/<session>.bin`, whole or not at all; an older one is replaced."""
    root.mkdir(parents=True, exist_ok=True)
    path = profile_path(root, session_of(view))
    replace(path, to_bytes(view))
    return path


def read(path: Path) -> Profile:
    """A stored profile.

    Raises:
        NotFound: no such file.
        Broken: not a whole profile.
    """
    if not path.exists():
        raise NotFound(f"no profile at {path}.", "Profile the session again from its features.")
    try:
        return from_bytes(path.read_bytes())
    except Broken as broken:
        raise Broken(f"{path}: {broken.what}", broken.hint) from None


def forget(root: Path, before: pd.Timestamp) -> int:
    """Delete profiles of sessions before a date and what was derived from them, in all folders; how many files."""
    old = [path for path in root.rglob("????-??-??*") if path.name[:10] < iso(before) and path.is_file()]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def replace(path: Path, content: bytes) -> None:
    """Write a file aside and move it into place."""
    aside = path.with_suffix(f".{os.getpid()}.part")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
