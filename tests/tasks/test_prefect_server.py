"""The embedded Prefect server's database: transactions that read and then write, many at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.exc import OperationalError

from tasks.prefect_server import TurnTakingSqlite

WRITERS, ROUNDS = 8, 5


async def count_up(config: AioSqliteConfiguration) -> int:
    """Many writers read a number, pause and write it back one higher, as a worker's heartbeat does."""
    engine = await config.engine()

    async def one_writer() -> None:
        for _ in range(ROUNDS):
            async with await config.session(engine) as session, config.begin_transaction(session):
                value = (await session.execute(sa.text("SELECT value FROM counter"))).scalar_one()
                await asyncio.sleep(0.001)
                await session.execute(sa.text("UPDATE counter SET value = :value"), {"value": value + 1})

    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE counter (value INTEGER)"))
        await connection.execute(sa.text("INSERT INTO counter VALUES (0)"))
    try:
        await asyncio.gather(*(one_writer() for _ in range(WRITERS)))
        async with engine.connect() as connection:
            return int((await connection.execute(sa.text("SELECT value FROM counter"))).scalar_one())
    finally:
        await engine.dispose()


def test_transactions_that_take_turns__are_never_refused(tmp_path: Path) -> None:
    config = TurnTakingSqlite(connection_url=f"sqlite+aiosqlite:///{tmp_path}/prefect.db")
    assert asyncio.run(count_up(config)) == WRITERS * ROUNDS


class ImpatientSqlite(TurnTakingSqlite):
    """Without a second of the minute that SQLite waits, as on a machine too busy for it."""

    def setup_sqlite(self, conn: Any, record: Any) -> None:
        super().setup_sqlite(conn, record)
        conn.cursor().execute("PRAGMA busy_timeout = 0")


def test_transactions_that_take_turns__need_no_patience_of_sqlites(tmp_path: Path) -> None:
    config = ImpatientSqlite(connection_url=f"sqlite+aiosqlite:///{tmp_path}/prefect.db")
    assert asyncio.run(count_up(config)) == WRITERS * ROUNDS


def test_transaction_within_a_transaction__does_not_wait_for_itself(tmp_path: Path) -> None:
    config = ImpatientSqlite(connection_url=f"sqlite+aiosqlite:///{tmp_path}/prefect.db")

    async def nested() -> None:
        engine = await config.engine()
        outer, inner = await config.session(engine), await config.session(engine)
        async with outer, inner, config.begin_transaction(outer), config.begin_transaction(inner):
            await inner.execute(sa.text("SELECT 1"))
        await engine.dispose()

    asyncio.run(asyncio.wait_for(nested(), 60))


def test_transactions_of_prefects_own__are_refused_at_once(tmp_path: Path) -> None:
    """The day this fails, Prefect has mended it and `TurnTakingSqlite` can go."""
    config = AioSqliteConfiguration(connection_url=f"sqlite+aiosqlite:///{tmp_path}/prefect.db")
    with pytest.raises(OperationalError, match="database is locked"):
        asyncio.run(count_up(config))
