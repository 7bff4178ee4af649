"""Profiles of sessions, their counts on the drift grid, the bands of a usual session, and a page to look at."""

from evergreen.adapters.monitoring.counts_cache import counts, keep_counts, stored_counts
from evergreen.adapters.monitoring.profile_files import forget, profile_path, read, write
from evergreen.adapters.monitoring.profile_page import report
from evergreen.adapters.monitoring.profiler import column, merge, profile, session_of, tags_of, to_bytes
from evergreen.adapters.monitoring.session_bands import judge_profile

__all__ = [
    "column",
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
    "tags_of",
    "to_bytes",
    "write",
]
