"""whylogs behind one wall: profiles of sessions, their counts on the drift grid, and a page to look at."""

from evergreen.adapters.whylogs.kept import keep_counts, stored_counts
from evergreen.adapters.whylogs.profiles import (
    counts,
    forget,
    merge,
    profile,
    profile_path,
    read,
    session_of,
    to_bytes,
    write,
)
from evergreen.adapters.whylogs.report import report

__all__ = [
    "counts",
    "forget",
    "keep_counts",
    "merge",
    "profile",
    "profile_path",
    "read",
    "report",
    "session_of",
    "stored_counts",
    "to_bytes",
    "write",
]
