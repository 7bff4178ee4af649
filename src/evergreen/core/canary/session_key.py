"""A session's name in the evidence: dates are parsed, not compared as text."""

from __future__ import annotations

import re
from datetime import date

import numpy as np

from evergreen.core.bars.session import iso
from evergreen.errors import BadInput

DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")  # a time of day says nothing of the session

Session = date | np.datetime64 | str | int


def session_key(session: Session) -> str:
    """A session as text: the ISO date of anything date-like, else what it prints as.

    Dates are parsed, not compared as text: `2020-1-1` and `2020-01-01T00:00:00` are one session.

    Raises:
        BadInput: not a date (NaT, 30 February).
    """
    if isinstance(session, str) and (parts := DATE.fullmatch(session)):
        session = _date(session, *map(int, parts.groups()))
    if isinstance(session, np.datetime64):
        session = session.astype("datetime64[D]").item() if not np.isnat(session) else "NaT"
    key = iso(session) if isinstance(session, date) else str(session)
    if key == "NaT":
        raise BadInput("NaT is no session.", "Give the session's date.")
    return key


def _date(text: str, year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise BadInput(f"{text} is no session.", "Give the session's date.") from None
