"""Writing so that a kill at any line leaves the old file or the new one, and one writer at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from evergreen.errors import BadSetting, Unavailable

LOCK = ".writing"  # in the data folder: whoever holds it may change bars or take a snapshot
PATIENCE = 60.0  # seconds; a backfill of 505 tickers writes for less than ten
_POLL = 0.02  # seconds: short beside a write


@contextmanager
def only_writer(lock: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock file `lock`; the system lets go of it when the process ends, however it ends.

    Raises:
        Unavailable: another process held it for `patience` seconds.
        BadSetting: the folder cannot be written to.
    """
    with writable(lock):
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(descriptor, lock, patience)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def writable(place: Path) -> Iterator[None]:
    """Turn what the disk says about writing `place` into one sentence.

    Raises:
        BadSetting: no permission, or something in the way.
        Unavailable: no space, or a disk that fails.
    """
    try:
        yield
    except (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadSetting(
            f"{place} cannot be written: {error.strerror}.",
            "Choose a folder of your own, or mend its rights.",
        ) from None
    except OSError as error:
        raise Unavailable(
            f"{place} cannot be written: {error.strerror or error}.",
            "Nothing was changed; mend the disk and run again.",
        ) from None


def replace(target: Path, write: Callable[[Path], None], aside: Path) -> None:
    """Have `write` make the file in the folder `aside` (same disk), then put it in the place of `target`."""
    draft = aside / target.name
    with writable(target):
        aside.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        write(draft)
        sync(draft)
        draft.replace(target)
        sync(target.parent)


def _acquire(descriptor: int, lock: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Unavailable(
                    f"another process has been writing to {lock.parent} for over {patience:g} s.",
                    "Let it finish, or end it; then run again.",
                ) from None
            time.sleep(_POLL)


def sync(path: Path) -> None:
    """Have the system put a file or folder on the disk now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
