"""Every challenger ever evaluated: the gate is deflated by how many were tried against the same champion."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from evergreen.adapters.database.rows import insert_new
from evergreen.adapters.database.schema import trial
from evergreen.core.bars.session import Session


def record(
    conn: Connection,
    *,
    model: str,
    champion: str,
    challenger: str,
    window_start: Session,
    window_end: Session,
    as_of: Session,
    request_id: str | None = None,
) -> int:
    """Note that a challenger was evaluated on a window; again for the same pair changes nothing.

    Returns:
        How many challengers have been tried against this champion, this one included: the `k` of alpha_k.
    """
    row = {
        "model": model,
        "champion": champion,
        "challenger": challenger,
        "window_start": window_start,
        "window_end": window_end,
        "as_of": as_of,
        "request_id": request_id,
    }
    insert_new(conn, trial, [row])
    return tried(conn, model, champion)


def tried(conn: Connection, model: str, champion: str) -> int:
    """How many challengers have been tried against a champion."""
    against = (trial.c.model == model) & (trial.c.champion == champion)
    return conn.execute(select(func.count()).select_from(trial).where(against)).scalar_one()
