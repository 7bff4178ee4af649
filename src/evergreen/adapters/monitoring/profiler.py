"""Profiles of tables: mergeable, without raw rows.

whylogs makes them where it can be installed, and its sketch alone elsewhere; both read and write the same records.
"""

from __future__ import annotations

import sys

from evergreen.adapters.monitoring.profile_column import Column, merge

if sys.version_info < (3, 13):
    from evergreen.adapters.monitoring.whylogs_profiler import (
        FIGURES,
        Profile,
        column,
        from_bytes,
        names,
        outside,
        profile,
        session_of,
        tags_of,
        to_bytes,
    )
else:
    from evergreen.adapters.monitoring.datasketches_profiler import (
        FIGURES,
        Profile,
        column,
        from_bytes,
        names,
        outside,
        profile,
        session_of,
        tags_of,
        to_bytes,
    )

__all__ = [
    "FIGURES",
    "Column",
    "Profile",
    "column",
    "from_bytes",
    "merge",
    "names",
    "outside",
    "profile",
    "session_of",
    "tags_of",
    "to_bytes",
]
