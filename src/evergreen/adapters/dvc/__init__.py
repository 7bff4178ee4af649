"""DVC: versions of the bar store, with a remote."""

from evergreen.adapters.dvc.last_version import last_version, require_present
from evergreen.adapters.dvc.snapshots import RemoteMended, Snapshots

__all__ = ["RemoteMended", "Snapshots", "last_version", "require_present"]
