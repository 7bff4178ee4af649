"""Cases of quarantine: what was refused of one ticker in one delivery, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from evergreen.adapters.database import decisions
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.rows import every, first, insert_new, values
from evergreen.adapters.database.schema import quarantine
from evergreen.errors import Conflict, NotFound

Outcome = Literal["released", "repaired", "restated", "discarded"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Refused bars of one ticker, their findings, and the state: `held`, or an `Outcome` with its reason.

    `as_of` is the session the delivery stood at; `reason` and `closed_at` are None while the bars are held.
    """

    id: str
    opened_at: datetime
    as_of: str
    source: str
    ticker: str
    first_session: str
    last_session: str
    bars: int
    findings: Sequence[Mapping[str, Any]]
    state: str = "held"
    closed_at: datetime | None = None
    reason: str | None = None


def open_cases(conn: Connection, opened: Sequence[Case]) -> None:
    """Keep new cases; one on file stays as it is, closed or not."""
    insert_new(conn, quarantine, [values(case) for case in opened])


def find(conn: Connection, case_id: str) -> Case:
    """The case with that id.

    Raises:
        NotFound: it is not on record.
    """
    case = first(conn, select(quarantine).where(quarantine.c.id == case_id), Case)
    if case is None:
        raise NotFound(f"no quarantine case {case_id!r} is on record.", "`evergreen quarantine list` names them.")
    return case


def cases(conn: Connection, limit: int = 50) -> list[Case]:
    """The last cases, closed ones too, newest first."""
    newest = (quarantine.c.opened_at.desc(), quarantine.c.ticker, quarantine.c.id)
    return every(conn, select(quarantine).order_by(*newest).limit(limit), Case)


def unsettled(conn: Connection, tickers: Sequence[str] | None = None) -> list[Case]:
    """The open cases (of `tickers`, if given), oldest first."""
    query = select(quarantine).where(quarantine.c.state == "held")
    cases = every(conn, query.order_by(quarantine.c.first_session, quarantine.c.id), Case)
    return [case for case in cases if tickers is None or case.ticker in set(tickers)]


def in_states(conn: Connection, states: Sequence[str], tickers: Sequence[str], since: str) -> list[Case]:
    """The cases of `tickers` in one of the states that reach to session `since` (ISO) or beyond, oldest first."""
    query = select(quarantine).where(quarantine.c.state.in_(states), quarantine.c.last_session >= since)
    cases = every(conn, query.order_by(quarantine.c.first_session, quarantine.c.id), Case)
    return [case for case in cases if case.ticker in set(tickers)]


def require_held(case: Case) -> None:
    """Nothing, for an open case.

    Raises:
        Conflict: it is closed already.
    """
    if case.state != "held":
        hint = "Look at `evergreen quarantine list --all`."
        raise Conflict(f"case {case.id} was {case.state} before: {case.reason}", hint)


def close(conn: Connection, case: Case, outcome: Outcome, reason: str, decision: Decision) -> None:
    """Close a case and log the decision, in the caller's transaction.

    Raises:
        Conflict: it is closed already.
    """
    still_held = (quarantine.c.id == case.id) & (quarantine.c.state == "held")
    changed = conn.execute(
        update(quarantine).where(still_held).values(state=outcome, reason=reason, closed_at=decision.at)
    )
    if not changed.rowcount:
        require_held(find(conn, case.id))
    decisions.append(conn, decision)
