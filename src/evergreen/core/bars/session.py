"""A session as people and records write it. Imports nothing heavy: every process that opens the records needs it."""

from __future__ import annotations

from datetime import date

from evergreen.errors import BadInput

Session = str | date  # an ISO date, a date, or a pandas Timestamp (which is a date)


def iso(session: Session) -> str:
    """A session as text, YYYY-MM-DD: its form in records, file names and messages.

    Raises:
        BadInput: text that is not an ISO date.
    """
    if isinstance(session, date):
        return session.isoformat()[:10]
    try:
        return date.fromisoformat(session[:10]).isoformat()
    except ValueError:
        raise BadInput(f"{session!r} is not a session.", "Give its date as YYYY-MM-DD.") from None
