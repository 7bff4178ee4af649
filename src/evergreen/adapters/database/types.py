"""Column types: moments in UTC, sessions as ISO dates, canonical JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator

from evergreen.core.bars.session import Session, iso
from evergreen.core.hash_chain import canonical
from evergreen.errors import BadInput


def utc(moment: datetime) -> datetime:
    """The same moment in UTC.

    Raises:
        BadInput: a moment without a time zone.
    """
    if moment.tzinfo is None:
        raise BadInput(f"the moment {moment.isoformat()} has no time zone.", "Give it in UTC.")
    return moment.astimezone(UTC)


class UtcTime(TypeDecorator[datetime]):
    """A moment: aware on the way in (any zone) and out (UTC); microseconds."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """In UTC; without its zone where the database has no zones."""
        if value is None:
            return None
        return utc(value).replace(tzinfo=None) if dialect.name == "sqlite" else utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """In UTC and aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SessionDate(TypeDecorator[str]):
    """A trading date, kept and answered as ISO text."""

    impl = String(10)
    cache_ok = True

    def process_bind_param(self, value: Session | None, dialect: Dialect) -> str | None:
        """The ISO date of a text, date or Timestamp."""
        return None if value is None else iso(value)


class CanonicalJson(TypeDecorator[Any]):
    """JSON kept as canonical text, so that its hash can be recomputed from what is stored."""

    impl = Text()
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Canonical JSON text."""
        return None if value is None else canonical(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """The value read back."""
        return None if value is None else json.loads(value)
