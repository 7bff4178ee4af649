"""What drift is judged from, as it lies on disk: a version's calibration, and counts of sessions since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from evergreen.core.bars.calendar import Calendar
from evergreen.core.drift import Calibration, Counts, Grid, join

CALIBRATION = "calibration.npz"
COUNTS = "counts.npz"
REFERENCE = "reference.bin"


@dataclass(frozen=True, eq=False)
class CalibratedVersion:
    """A version's calibration and the last counts of its training history."""

    calibration: Calibration
    history: Counts


def write_calibration(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Keep a version's files at hand for the daily check."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def read_calibration(folder: Path) -> CalibratedVersion | None:
    """The calibration of a version; None when it has none, and so cannot be monitored.

    Raises:
        Broken: it is there and cannot be read.
    """
    if not (folder / CALIBRATION).exists():
        return None
    calibration = Calibration.from_bytes((folder / CALIBRATION).read_bytes())
    return CalibratedVersion(calibration, Counts.from_bytes((folder / COUNTS).read_bytes()))


def read_grid(folder: Path) -> Grid | None:
    """The grid that the sessions of a version are counted on; None when it has none."""
    counts = folder / COUNTS
    return Counts.from_bytes(counts.read_bytes()).grid if counts.exists() else None


def read_counts(calibrated: CalibratedVersion, profiles: Path, calendar: Calendar, session: pd.Timestamp) -> Counts:
    """The sessions that a check at `session` looks at: of the training history, then from profiles since.

    Raises:
        NotFound, Broken: a session without a whole profile.
    """
    from evergreen.adapters import monitoring

    history = calibrated.history
    lived = list(calendar.sessions(calendar.next(history.sessions[-1]), session))
    last = lived[-calibrated.calibration.windows.pair :]
    return join([history, *monitoring.stored_counts(profiles, last, history.grid)])
