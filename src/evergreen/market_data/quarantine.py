"""Refused bars and their way back: held with their findings, judged again, released or repaired for a reason.

A case is what was refused of one ticker in one delivery. Its bars stay out of the store until a person
releases, repairs or discards them, or until a restatement settles the matter: better bars of the same
sessions were delivered, or the bars around them changed so that nothing is wrong with them any more. The bars
go into the store first, then the case is closed: a kill between the two leaves a case that closes the same.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from evergreen.adapters.database import ledger, quarantine, reading, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.quarantine import Case, Outcome
from evergreen.core.bars.schema import KEYS, NUMBERS
from evergreen.core.bars.session import iso
from evergreen.core.policy.kinds import DecisionKind
from evergreen.core.quality import Finding
from evergreen.errors import BadInput, Refused
from evergreen.market_data.held_case import has_moved, held_bars, is_near, judge, outstanding
from evergreen.workspace import Workspace

SHOWN = 20  # findings and bars written into the decision; the case's file holds all
REPLAY_PAUSE = timedelta(minutes=1)  # in a replay a person acts right after the session's own run


def acting_at(at: Workspace) -> datetime:
    """When a person acts: now; in a replay a minute after the session walked last was delivered."""
    with reading(at.engine) as conn:
        walked = ledger.clock(conn, at.settings.model_name)
    if at.settings.clock == "live" or walked is None:
        return pd.Timestamp.now("UTC").to_pydatetime()
    return at.calendar.close(pd.Timestamp(walked)).to_pydatetime() + at.settings.market.delay + REPLAY_PAUSE


def hold(
    at: Workspace,
    refused: pd.DataFrame,
    findings: Sequence[Finding],
    known: pd.DataFrame,
    source: str,
    as_of: pd.Timestamp,
    now: datetime,
) -> tuple[str, ...]:
    """Keep the `refused` bars, one case a ticker; the cases' ids. Bars that were refused before keep their case.

    Args:
        refused: what validation kept out.
        findings: everything it found; warnings are left aside.
        known: the bars in force then, over the sessions of the delivery.
        source: where the delivery came from.
        as_of: the session it stood at.
        now: its arrival.
    """
    if refused.empty:
        return ()
    restates = pd.MultiIndex.from_frame(refused[KEYS]).isin(pd.MultiIndex.from_frame(known[KEYS]))
    stamped = refused.assign(source=source, known_at=pd.Timestamp(now), restates=restates)
    opened = [
        _case(at, str(ticker), bars, _about(str(ticker), bars, findings), as_of, now)
        for ticker, bars in stamped.groupby("ticker", sort=True)
    ]
    with writing(at.engine) as conn:
        quarantine.open_cases(conn, opened)
    return tuple(case.id for case in opened)


def release(at: Workspace, case_id: str, reason: str, now: datetime) -> Case:
    """Let the bars of a case into the store as they are, for a `reason` that goes into the decision log.

    Raises:
        NotFound, Conflict: no such case, or closed already.
        BadInput: no reason.
    """
    case = _held(at, case_id, reason)
    return _admit(at, case, outstanding(at, case), "released", reason, now)


def repair(at: Workspace, case_id: str, repaired: pd.DataFrame, reason: str, now: datetime) -> Case:
    """Let `repaired` bars into the store in place of a case's own, if nothing is wrong with them.

    Args:
        at: the workspace.
        case_id: the case.
        repaired: `session` and the numbers of some or all bars of the case; the others go in as they were held.
        reason: goes into the decision log, with what was changed.
        now: when they count as known.

    Raises:
        Refused: the repaired bars still break a rule.
        NotFound, Conflict, BadInput: as `release`.
    """
    case = _held(at, case_id, reason)
    bars = outstanding(at, case).set_index("session")
    bars.update(repaired.set_index("session")[list(NUMBERS)])
    mended = bars.reset_index()
    if wrong := judge(at, case, mended):
        raise Refused(f"the repaired bars are still wrong: {wrong[0].message}.", "Repair them all, or release them.")
    return _admit(at, case, mended, "repaired", reason, now)


def discard(at: Workspace, case_id: str, reason: str, now: datetime) -> Case:
    """Close a case for good without its bars: they will not enter the store.

    Raises:
        NotFound, Conflict, BadInput: as `release`.
    """
    case = _held(at, case_id, reason)
    return _close(at, case, "discarded", reason, outstanding(at, case), now)


def revalidate(at: Workspace, accepted: pd.DataFrame, now: datetime, refused: Collection[str] = ()) -> list[Case]:
    """Look again at the open cases of the `accepted` bars' tickers; those that were settled by them.

    A case is settled when bars that passed stand in the store for all its sessions, or when the findings that
    opened it come up again among the bars known then, and no longer among those known now. A finding that one
    ticker alone cannot bring up again (a day on which the whole vendor failed, a second source) waits for a person.
    Oldest first, so that a bar let in counts for those after it. A case is looked at only where a bar near its own
    came: so a session costs the same however many cases are open. Of those that the delivery itself `refused`, by id,
    the ones opened now are left aside: they were judged among its bars.
    """
    with reading(at.engine) as conn:
        unsettled = quarantine.unsettled(conn, list(accepted["ticker"].unique()))
    cases = [case for case in unsettled if case.id not in refused or case.opened_at < now]
    settled, came = [], _sessions_by_ticker(accepted[accepted["ticker"].isin({case.ticker for case in cases})])
    for case in cases:
        if not is_near(case, came[case.ticker]):
            continue
        bars = outstanding(at, case)
        if bars.empty:
            settled.append(_close(at, case, "restated", "A later delivery brought bars that passed.", bars, now))
        elif has_moved(at, case, bars) and judge(at, case, bars, case.opened_at) and not judge(at, case, bars):
            why = "The bars around it were restated; among them it passes."
            at.bars.append(bars, pd.Timestamp(now), case.source)
            came[case.ticker] = came[case.ticker].union(pd.DatetimeIndex(bars["session"]))
            settled.append(_close(at, case, "restated", why, bars, now))
    return settled


def _sessions_by_ticker(bars: pd.DataFrame) -> dict[str, pd.DatetimeIndex]:
    return {str(ticker): pd.DatetimeIndex(days) for ticker, days in bars.groupby("ticker")["session"]}


def _about(ticker: str, bars: pd.DataFrame, findings: Sequence[Finding]) -> list[Finding]:
    """Findings of the ticker, and those of a whole session that has one of its `bars`."""
    sessions = set(bars["session"])
    return [each for each in findings if each.ticker == ticker or (not each.ticker and each.session in sessions)]


def _case(
    at: Workspace, ticker: str, bars: pd.DataFrame, findings: Sequence[Finding], as_of: pd.Timestamp, now: datetime
) -> Case:
    return Case(
        id=held_bars(at).keep(bars),
        opened_at=now,
        as_of=iso(as_of),
        source=str(bars["source"].iloc[0]),
        ticker=ticker,
        first_session=iso(bars["session"].min()),
        last_session=iso(bars["session"].max()),
        bars=len(bars),
        findings=[finding.to_dict() for finding in findings if finding.severity != "warn"],
    )


def _held(at: Workspace, case_id: str, reason: str) -> Case:
    if not reason.strip():
        raise BadInput("a reason is wanted.", "Say why with --reason: it goes into the decision log.")
    with reading(at.engine) as conn:
        case = quarantine.find(conn, case_id)
    quarantine.require_held(case)
    return case


def _admit(at: Workspace, case: Case, bars: pd.DataFrame, outcome: Outcome, reason: str, now: datetime) -> Case:
    at.bars.append(bars, pd.Timestamp(now), case.source)
    closed = _close(at, case, outcome, reason, bars, now)
    revalidate(at, bars, now)
    return closed


def _close(at: Workspace, case: Case, outcome: Outcome, reason: str, bars: pd.DataFrame, now: datetime) -> Case:
    with writing(at.engine) as conn:
        decision = Decision(
            at=now,
            model=at.settings.model_name,
            kind=DecisionKind.QUARANTINE,
            as_of=ledger.clock(conn, at.settings.model_name) or case.as_of,
            subject=case.id,
            summary=f"{case.ticker}: {case.bars} bars {outcome}. {reason}",
            evidence={"outcome": outcome, "findings": case.findings[:SHOWN], "bars": _as_json(bars[:SHOWN])},
        )
        quarantine.close(conn, case, outcome, reason, decision)
        return quarantine.find(conn, case.id)


def _as_json(bars: pd.DataFrame) -> list[dict[Hashable, Any]]:
    shown = bars[["session", *NUMBERS]]
    return shown.assign(session=shown["session"].dt.strftime("%Y-%m-%d")).to_dict("records")
