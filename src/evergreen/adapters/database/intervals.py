"""What forecast intervals are made of, one row a session."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping, select

from evergreen.adapters.database.rows import upsert
from evergreen.adapters.database.schema import forecast, interval
from evergreen.core.bars.session import Session, iso
from evergreen.core.model.intervals import Band, Standing


def record(conn: Connection, model: str, standing: Standing) -> None:
    """Keep what stands at a session; a repeated session replaces its row."""
    bands = {version: [band.low, band.high] for version, band in standing.bands.items()}
    row = {"model": model, "session": iso(standing.session), "scales": dict(standing.scales), "bands": bands}
    upsert(conn, interval, [row])


def read(conn: Connection, model: str, until: Session | None = None) -> Standing | None:
    """What stands at `until` (by default the newest), or the last before it; None before there is any."""
    query = select(interval).where(interval.c.model == model)
    if until is not None:
        query = query.where(interval.c.session <= iso(until))
    row = conn.execute(query.order_by(interval.c.session.desc()).limit(1)).mappings().first()
    return None if row is None else _standing(row)


def standings(conn: Connection, model: str, since: Session) -> dict[str, Standing]:
    """What stood at every session on record from `since` on, by its date."""
    later = (interval.c.model == model, interval.c.session >= iso(since))
    rows = conn.execute(select(interval).where(*later)).mappings()
    return {str(row["session"]): _standing(row) for row in rows}


def _standing(row: RowMapping) -> Standing:
    bands = {version: Band(low, high) for version, (low, high) in row["bands"].items()}
    return Standing(row["session"], row["scales"], bands)


def forecasts_at(conn: Connection, version: str, session: Session) -> dict[str, float]:
    """What a version forecast when `session` closed, by ticker; without those that were not finite."""
    same = (forecast.c.version == version, forecast.c.session == iso(session), forecast.c.value.is_not(None))
    return {row.ticker: row.value for row in conn.execute(select(forecast.c.ticker, forecast.c.value).where(*same))}
