"""The only clock that flows read: the wall's, or in a replay the close of the session it stands at."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from evergreen.core.bars.session import Session
from evergreen.errors import NotFound
from evergreen.workspace import Workspace
from tasks.sessions import last_closed_session


def resolve_session(as_of: Session | None, at: Workspace) -> pd.Timestamp:
    """The session a run stands at: the one named, else the last one closed, in a replay the last one walked.

    Raises:
        NotFound: a replay that has not begun.
    """
    if as_of:
        return pd.Timestamp(as_of)
    if at.settings.clock == "replay":
        return last_walked()
    return at.calendar.last_before(pd.Timestamp(datetime.now(UTC)))


def last_walked() -> pd.Timestamp:
    """The session processed last: as far as the data reach.

    Raises:
        NotFound: none has been.
    """
    session = last_closed_session()
    if session is None:
        raise NotFound("No session has been processed yet.", "Run the backfill first, or name a session.")
    return pd.Timestamp(session)


def now_at(session: pd.Timestamp, at: Workspace) -> datetime:
    """The instant at which a run acts, in UTC."""
    if at.settings.clock == "live":
        return datetime.now(UTC)
    return (at.calendar.close(session) + at.settings.market.delay).to_pydatetime()
