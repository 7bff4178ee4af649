"""Refused bars and their way back: held with their findings, judged again, released or repaired for a reason.

A case is what was refused of one ticker in one delivery. Its bars stay out of the store until a person
releases, repairs or discards them, or until a restatement settles the matter: better bars of the same
sessions were delivered, or the bars around them changed so that nothing is wrong with them any more. The bars
go into the store first, then the case is closed: a kill between the two leaves a case that closes the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from evergreen.adapters.bars.held import HeldBars
from evergreen.adapters.database import ledger, quarantine, reading, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.quarantine import Case, Outcome
from evergreen.core.bars.schema import KEYS, NUMBERS
from evergreen.core.bars.session import iso
from evergreen.core.policy.kinds import DecisionKind
from evergreen.core.quality import Finding, check
from evergreen.errors import BadInput, Refused
from evergreen.workspace import Workspace

AROUND = pd.Timedelta(days=60)  # of the bars a held one is judged among
NEAR = 5  # bars shown on either side of a held one: a week
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
        _case(at, str(ticker), bars, [finding for finding in findings if finding.ticker == ticker], as_of, now)
        for ticker, bars in stamped.groupby("ticker", sort=True)
    ]
    with writing(at.engine) as conn:
        quarantine.open_cases(conn, opened)
    return tuple(case.id for case in opened)


def outstanding(at: Workspace, case: Case) -> pd.DataFrame:
    """The held bars that no later delivery has answered: columns as held, `restates` included."""
    bars = held_bars(at).read(case.id)
    stored = at.bars.as_of(tickers=[case.ticker], start=bars["session"].min(), end=bars["session"].max())
    pairs = bars[["session", "restates"]].merge(stored[["session", "known_at", "known_at_assumed"]], how="left")
    later = pairs["known_at"] > pd.Timestamp(case.opened_at)
    loaded = pairs["known_at_assumed"].eq(True) & ~pairs["restates"]
    return bars[~(later | loaded).to_numpy()]


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


def revalidate(at: Workspace, accepted: pd.DataFrame, now: datetime) -> list[Case]:
    """Look again at the open cases of the `accepted` bars' tickers; those that were settled by them.

    A case is settled when bars that passed stand in the store for all its sessions, or when the findings that
    opened it come up again among the bars known then, and no longer among those known now. A finding that one
    ticker alone cannot bring up again (a day on which the whole vendor failed, a second source) waits for a person.
    Oldest first, so that a bar let in counts for those after it. A case is looked at only where a bar near its own
    came: so a session costs the same however many cases are open.
    """
    with reading(at.engine) as conn:
        cases = quarantine.unsettled(conn, list(accepted["ticker"].unique()))
    settled, came = [], _sessions_by_ticker(accepted)
    for case in cases:
        if not _is_near(case, came[case.ticker]):
            continue
        bars = outstanding(at, case)
        if bars.empty:
            settled.append(_close(at, case, "restated", "A later delivery brought bars that passed.", bars, now))
        elif _has_moved(at, case, bars) and judge(at, case, bars, case.opened_at) and not judge(at, case, bars):
            why = "The bars around it were restated; among them it passes."
            at.bars.append(bars, pd.Timestamp(now), case.source)
            came[case.ticker] = came[case.ticker].union(pd.DatetimeIndex(bars["session"]))
            settled.append(_close(at, case, "restated", why, bars, now))
    return settled


def _sessions_by_ticker(bars: pd.DataFrame) -> dict[str, pd.DatetimeIndex]:
    return {str(ticker): pd.DatetimeIndex(days) for ticker, days in bars.groupby("ticker")["session"]}


def _is_near(case: Case, came: pd.DatetimeIndex) -> bool:
    """Whether bars of the sessions `came` can settle a case: among those it was, or would now be, judged by."""
    first, last = pd.Timestamp(case.first_session) - AROUND, pd.Timestamp(case.last_session) + AROUND
    opened = pd.Timestamp(case.opened_at).tz_localize(None)  # later sessions are left aside, as they were then
    return bool(((came >= first) & (came <= min(last, max(opened, pd.Timestamp(case.last_session))))).any())


def judge(at: Workspace, case: Case, bars: pd.DataFrame, known_at: datetime | None = None) -> list[Finding]:
    """What keeps the case's `bars` out of the store, judged among the bars known at `known_at`, by default now.

    Sessions that closed after the case was opened are left aside, as they were then.
    """
    days = at.calendar.closed(bars["session"].min() - AROUND, case.opened_at)
    among = _around(at, case, bars, known_at)
    earlier = among["session"] < bars["session"].min()
    delivered = pd.concat([among[~earlier], bars[among.columns]], ignore_index=True)
    findings = check(delivered, days, as_of=days[-1], history=among[earlier])
    return [each for each in findings if each.severity != "warn" and bars["session"].isin(each.days).any()]


def among_neighbours(at: Workspace, case: Case) -> pd.DataFrame:
    """The held bars in the series around them, by session; `held` marks them, `near` the five bars beside."""
    bars = held_bars(at).read(case.id)
    stored = _around(at, case, bars)
    series = pd.concat([stored.assign(held=False), bars[stored.columns].assign(held=True)], ignore_index=True)
    series = series.sort_values("session", ignore_index=True)
    near = series["held"].rolling(2 * NEAR + 1, center=True, min_periods=1).max()
    return series.assign(near=near.astype(bool))


def held_bars(at: Workspace) -> HeldBars:
    """The files of refused bars."""
    return HeldBars(at.settings.quarantine)


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


def _around(at: Workspace, case: Case, bars: pd.DataFrame, known_at: datetime | None = None) -> pd.DataFrame:
    """The stored bars of the ticker near the held ones, up to the last session closed when the case was opened."""
    first = bars["session"].min() - AROUND
    last = at.calendar.closed(first, case.opened_at)[-1]
    instant = None if known_at is None else pd.Timestamp(known_at)
    stored = at.bars.as_of(instant, [case.ticker], first, min(last, bars["session"].max() + AROUND))
    return stored[~stored["session"].isin(bars["session"])]


def _has_moved(at: Workspace, case: Case, bars: pd.DataFrame) -> bool:
    """Whether anything near the held bars became known after they were refused."""
    return bool((_around(at, case, bars)["known_at"] > pd.Timestamp(case.opened_at)).any())


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
