"""whylogs behind one wall: profiles of sessions, their counts on the drift grid, and a page to look at."""

from evergreen.adapters.monitoring.counts_cache import keep_counts, stored_counts
from evergreen.adapters.monitoring.profile_page import report
from evergreen.adapters.monitoring.whylogs_profiles import (
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
