"""What a version is called, so that nobody takes the random walk for a model: said alike in all places."""

from __future__ import annotations

from sqlalchemy import Connection

from evergreen.adapters.database import ledger
from evergreen.errors import NotFound

RANDOM_WALK = "random_walk"


def called(version: str, kind: str | None) -> str:
    """A version by its number; `kind` is its learner, None where it is not on record."""
    return f"version {version} (the random walk)" if kind == RANDOM_WALK else f"version {version}"


def meaning(kind: str | None) -> str:
    """What a champion of that kind means for a client; empty of a trained model."""
    return "no trained model serves" if kind == RANDOM_WALK else ""


def champion(conn: Connection, model: str, version: str) -> str:
    """What the champion is called, and what that means where it is no trained model."""
    try:
        kind = ledger.read_model_version(conn, model, version).kind
    except NotFound:
        kind = None
    return ": ".join(filter(None, (called(version, kind), meaning(kind))))
