"""Counts of profiles on the drift grid, kept so that each profile is read once: to read one back takes 0.1 s."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.adapters.monitoring.profile_files import profile_path, read, replace
from evergreen.adapters.monitoring.profiler import Profile, column, session_of
from evergreen.core.drift import Counts, Grid
from evergreen.errors import BadInput, NotFound

FOLDER = "counts"


def counts(view: Profile, grid: Grid) -> Counts:
    """A session's counts on the drift grid; exact while the profile is.

    Raises:
        BadInput: a feature of the grid is not in the profile.
    """
    values = np.zeros((1, len(grid.features), grid.bins), np.int32)
    for place, name in enumerate(grid.features):
        profiled = column(view, name)
        if profiled is None:
            raise BadInput(f"feature {name!r} of the drift grid is not in the profile.", "Make a new grid.")
        if profiled.finite:
            below = profiled.shares_up_to(grid.cuts(place).tolist())
            values[0, place, : len(below)] = np.diff(np.rint(below * profiled.finite), prepend=0)
        values[0, place, -1] = profiled.rows - profiled.finite
    return Counts(pd.DatetimeIndex([session_of(view)]).as_unit("us"), grid, values)


def stored_counts(root: Path, sessions: Sequence[pd.Timestamp], grid: Grid) -> list[Counts]:
    """The counts of stored sessions on one grid; put them together with `core.drift.join`.

    Counts are kept in `root/counts`, named by the grid's contents and by size and time of the profile's file (its
    contents, a megabyte at 500 tickers, take longer to hash than a check may last): a profile that was written
    anew is counted anew, and the folder may be deleted at any time.

    Raises:
        NotFound, Broken: a session without a whole profile.
    """
    return [_counted(root, session, grid) for session in sessions]


def keep_counts(root: Path, view: Profile, grid: Grid) -> None:
    """Count a profile that was just written, while it is in memory, so that it need not be read back."""
    _store(_place(root, profile_path(root, session_of(view)), grid), counts(view, grid))


def _counted(root: Path, session: pd.Timestamp, grid: Grid) -> Counts:
    path = profile_path(root, session)
    cached = _place(root, path, grid)
    values = _load(cached, (1, len(grid.features), grid.bins))
    if values is not None:
        return Counts(pd.DatetimeIndex([session]).as_unit("us"), grid, values)
    fresh = counts(read(path), grid)
    _store(cached, fresh)
    return fresh


def _place(root: Path, path: Path, grid: Grid) -> Path:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotFound(f"no profile at {path}.", "Profile the session again from its features.") from None
    return root / FOLDER / grid.digest[:16] / f"{path.stem}.{status.st_size:x}-{status.st_mtime_ns:x}.npy"


def _load(cached: Path, shape: tuple[int, int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]] | None:
    try:
        values = np.load(cached, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return values if values.shape == shape and values.dtype == np.int32 else None


def _store(cached: Path, fresh: Counts) -> None:
    cached.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.save(buffer, fresh.values, allow_pickle=False)
    replace(cached, buffer.getvalue())
