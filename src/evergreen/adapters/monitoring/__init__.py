"""whylogs behind one wall: profiles of sessions, their counts on the drift grid, and a page to look at."""

import os

os.environ.setdefault("WHYLOGS_NO_ANALYTICS", "True")  # it reports usage unless told not to before it is imported

from evergreen.adapters.monitoring.counts_cache import keep_counts, stored_counts
from evergreen.adapters.monitoring.profile_page import report
from evergreen.adapters.monitoring.whylogs_constraints import judge_profile
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
    "judge_profile",
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
