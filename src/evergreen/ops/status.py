"""What `evergreen status` says: who serves, what runs, and what to type when something is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from evergreen.adapters.database import decisions, ledger, owed, reading, rollouts, trials, triggers, version_words
from evergreen.adapters.database.lost import lost_record
from evergreen.adapters.database.request_words import training
from evergreen.adapters.infra.processes import Stack
from evergreen.adapters.infra.running import Running, how_sessions_come, missing
from evergreen.adapters.infra.urls import without_password
from evergreen.ops.known_server import named_server, read_runs
from evergreen.ops.words import counted
from evergreen.settings import Settings
from evergreen.workspace import Workspace

WEEKEND = 4  # days, with a holiday: counting sessions takes seconds to import, and says nothing new within them
TURNS = 5  # decisions shown: what fits beneath the rest on one screen


@dataclass(frozen=True)
class Process:
    """One process of the stack, as it was started."""

    name: str
    url: str
    log: str
    alive: bool


@dataclass(frozen=True)
class Turn:
    """A decision that changed who serves, or tried to."""

    as_of: str
    kind: str
    summary: str


@dataclass(frozen=True)
class Status:
    """How everything stands, None where there is nothing yet; `behind` is how many sessions the exchange has closed
    since `session`, `owed` says which bars have not arrived, `weight` is the challenger's share of clients, `server`
    the Prefect server that PREFECT_API_URL names, `called` what the champion is said to be, `failure` why the last
    backfill failed, `lost` that the database was, beside its bars."""

    home: str
    market: str
    processes: Sequence[Process]
    session: str | None
    behind: int = 0
    training: str | None = None
    running: Sequence[Running] = ()
    owed: str = ""
    champion: str | None = None
    called: str = ""
    challenger: str | None = None
    stage: str | None = None
    weight: float = 0.0
    drift: str | None = None
    triggers: str | None = None
    levels: str | None = None
    decisions: Sequence[Turn] = ()
    server: str = ""
    failure: str = ""
    lost: str = ""


def read_status(settings: Settings) -> Status:
    """What the records and the processes say now."""
    at, name, home = Workspace(settings), settings.model_name, str(settings.home)
    market = (
        f"{settings.market.calendar} in {settings.market.currency}, from {without_password(settings.market.source)}"
    )
    processes = [Process(each.name, each.url, each.log, each.alive) for each in Stack(settings.home).members()]
    running, failure = read_runs(settings)
    with reading(at.engine) as conn:
        rollout, session = rollouts.read(conn, name), ledger.clock(conn, name)
        behind = _behind(at, session)
        awaited = owed.summary(owed.open_bars(conn))
        requested = training(conn, name, datetime.now(UTC)) or None
        if rollout is None:
            return Status(
                home,
                market,
                processes,
                session,
                behind,
                requested,
                running,
                awaited,
                server=named_server(),
                failure=failure,
                lost=lost_record(conn, settings.data, without_password(settings.database)),
            )
        checks = ledger.drift_checks(conn, name, rollout.champion, limit=1)
        return Status(
            home=home,
            market=market,
            processes=processes,
            session=session,
            behind=behind,
            training=requested,
            running=running,
            owed=awaited,
            champion=rollout.champion,
            called=version_words.champion(conn, name, rollout.champion),
            challenger=rollout.challenger,
            stage=rollout.stage,
            weight=rollout.weight / 10_000,  # kept in basis points
            drift=_drift(rollout.champion, checks[0]) if checks else None,
            triggers=triggers.summary(triggers.triggers(conn, name), ledger.count_sessions(conn, name)),
            levels=trials.spent(conn, name),
            decisions=[Turn(turn.as_of, turn.kind, turn.summary) for turn in decisions.turns(conn, name, TURNS)],
            server=named_server(),
        )


def _behind(at: Workspace, session: str | None) -> int:
    """How many sessions the exchange has closed since `session`; what a weekend explains is not looked into."""
    now = datetime.now(UTC)
    recent = session is not None and (now.date() - date.fromisoformat(session)).days <= WEEKEND
    if session is None or recent or at.settings.clock == "replay":
        return 0
    import pandas as pd

    return at.calendar.between(pd.Timestamp(session), at.calendar.last_before(now))


def _drift(champion: str, check: ledger.DriftRecord) -> str:
    """Whether the champion is watched, and what the last look came to."""
    if check.verdict == "not_monitored":
        return f"version {champion} has no calibration: its features are not monitored"
    return f"{check.as_of}: {check.verdict.replace('_', ' ')}"


def lines(status: Status) -> Iterator[str]:
    """One line for each process, then the data, the rollout and the last decisions."""
    yield from _processes(status)
    for each in status.running:
        yield f"running    {each.line(datetime.now(UTC))}"
    if status.session is not None:
        yield f"market     {status.market}"
        yield f"data       through session {status.session}{_late(status)}"
    if status.owed:
        yield f"owed       {status.owed}"
    if advice := missing(
        status.session, status.champion, status.running, status.training or "", status.failure, status.lost
    ):
        yield advice
        return
    yield f"champion   {status.called}"
    if status.challenger:
        yield f"challenger version {status.challenger}, {status.stage}, {100 * status.weight:g} % of clients"
    if status.training:
        yield f"training   {status.training}"
    if status.drift:
        yield f"drift      {status.drift}"
    yield f"triggers   {status.triggers}"
    yield f"levels     {status.levels}"
    for turn in status.decisions:
        yield f"{turn.as_of} {turn.kind:<17} {turn.summary}"


def _late(status: Status) -> str:
    """How far the exchange is ahead, and how it is caught up with once a model serves."""
    if status.behind <= 1:
        return ""
    comes = f": {how_sessions_come(status.running, status.owed)}" if status.champion else ""
    return f", {status.behind} sessions behind the exchange{comes}"


def _processes(status: Status) -> Iterator[str]:
    if not status.processes and status.server:
        yield f"prefect    {status.server}, as PREFECT_API_URL says; nothing is started from {status.home}"
    elif not status.processes:
        yield f"nothing runs from {status.home}: type `evergreen up`"
    for process in status.processes:
        if process.alive:
            yield f"{process.name:<10} {process.url or 'running'}"
        else:
            yield f"{process.name:<10} is gone, its last words are in {process.log}: type `evergreen down`, then `up`"


@dataclass(frozen=True)
class CanaryStatus:
    """The running canary: its stage and share of clients, and evidence E with what each decision needs of it."""

    challenger: str
    champion: str
    stage: str
    weight: float
    sessions: int
    at_most: int
    mean_r: float
    margin: float
    e_promote: float
    promotes_at: float
    e_rollback: float
    rolls_back_at: float


def read_canary(settings: Settings) -> CanaryStatus | None:
    """How the running canary stands; None without one."""
    at = Workspace(settings)
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, settings.model_name)
    if rollout is None or rollout.challenger is None or rollout.evidence is None:
        return None
    test = rollout.evidence.quality_test()
    return CanaryStatus(
        challenger=rollout.challenger,
        champion=rollout.champion,
        stage=rollout.stage,
        weight=rollout.weight / 10_000,
        sessions=len(test.sessions),
        at_most=test.rules.t_max,
        mean_r=test.mean_r,
        margin=test.margin,
        e_promote=test.e_promote,
        promotes_at=1 / test.rules.alpha_promote,
        e_rollback=test.e_rollback,
        rolls_back_at=1 / test.rules.alpha_rollback,
    )


def canary_lines(canary: CanaryStatus | None) -> Iterator[str]:
    """The running canary's stage and evidence."""
    if canary is None:
        yield "no canary is running"
        return
    yield f"version {canary.challenger} against {canary.champion}: {canary.stage}, {100 * canary.weight:g} % of clients"
    if not canary.sessions:
        yield "no session has settled yet"
        return
    settled = f"{canary.sessions} of at most {counted(canary.at_most, 'session')}"
    yield f"{settled}: mean difference {canary.mean_r:+.4f} (positive: the challenger errs less)"
    margin, promoted = f"{canary.margin:.4f}", _of(canary.e_promote, canary.promotes_at, "promoted")
    yield f"evidence that it is not worse by {margin}: {promoted}"
    yield f"evidence that it is worse: {_of(canary.e_rollback, canary.rolls_back_at, 'rolled back')}"


def _of(evidence: float, limit: float, what: str) -> str:
    return f"{evidence:.3g}, {what} at {limit:.3g} (1 is none)"
