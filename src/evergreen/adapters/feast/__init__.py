"""Feast: feature definitions, training joins, the online store."""

from __future__ import annotations

from evergreen.adapters.feast.online import OnlineFeatures, Watermark
from evergreen.adapters.feast.servers import Servers
from evergreen.adapters.feast.store import Features
from evergreen.adapters.feast.versions import stored_versions

__all__ = ["Features", "OnlineFeatures", "Servers", "Watermark", "stored_versions"]
