"""DVC: versions of the bar store, with a remote."""

from evergreen.adapters.dvc.snapshots import RemoteMended, Snapshots

__all__ = ["RemoteMended", "Snapshots"]
