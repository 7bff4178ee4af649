"""Several policies over one market, side by side: shared models, some processes, results that do not depend on them."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evergreen.core.bars.session import iso
from evergreen.core.model.breadth import suited
from evergreen.core.model.config import TrainingConfig
from evergreen.core.policy import Policy
from evergreen.errors import BadInput
from evergreen.replay.bars import read_bars
from evergreen.replay.breaks import BARS, Break, break_bars, break_labels
from evergreen.replay.fits import Fits
from evergreen.replay.market import Market, build_market, open_market
from evergreen.replay.measures import measure, paired, regret
from evergreen.replay.models import Models
from evergreen.replay.plan import Replay
from evergreen.replay.tables import decisions_table, sessions_table
from evergreen.replay.walk import Walk

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Replayed:
    """The three tables of a replay; `summary` has a row for each policy."""

    sessions: pd.DataFrame
    decisions: pd.DataFrame
    summary: dict[str, Any]


def replay(plan: Replay, progress: Progress = lambda what, walked, of: None) -> Replayed:
    """Walk every policy, or go on where an interrupted replay stopped; results go to `plan.out`.

    Finished policies and all fits are stored, by the content they come from, so that nothing is done twice.

    Raises:
        BadInput: bars that hold no such sessions, or too short a history before them.
    """
    if plan.end <= plan.start:
        raise BadInput(f"{iso(plan.end)} is not after {iso(plan.start)}.", "Give --from before --to.")
    plan.out.mkdir(parents=True, exist_ok=True)
    market = _market(plan, progress)
    first, last = _span(plan, market)
    config = plan.config or TrainingConfig(
        horizon=plan.horizon,
        seed=plan.seed,
        train_sessions=plan.train_sessions,
        **suited(len(market.tickers)),  # type: ignore[arg-type]
    )
    models = Models(market, Fits(market, config, plan.cache / "fits"))
    models.record(first - 1)  # too short a history is said before any process starts
    jobs = [_Job(policy, first, last, plan.breaks, plan.seed) for policy in plan.policies]
    rows = _walk_all(plan, models, jobs, progress)
    models.fits.prune()
    return _write(plan, rows)


@dataclass(frozen=True)
class _Job:
    """One policy's walk; pickled to a process of our own."""

    policy: Policy
    first: int
    last: int
    breaks: tuple[Break, ...]
    seed: int

    def key(self, models: Models) -> str:
        """What its results come from."""
        return sha256(f"{self!r} {models.fits.key(0)}".encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class _Row:
    sessions: pd.DataFrame
    decisions: pd.DataFrame
    measured: dict[str, Any]


def _market(plan: Replay, progress: Progress) -> Market:
    bars = read_bars(plan.bars, plan.calendar, plan.start, plan.end, list(plan.tickers) or None)
    for broken in plan.breaks:
        if broken.kind in BARS:
            bars = replace(bars, bars=break_bars(bars.bars, broken, plan.seed).reset_index(drop=True))
    market = build_market(
        bars, plan.horizon, plan.cache / "market", lambda share: progress("factors", round(100 * share), 100)
    )
    return _with_broken_labels(market, plan.breaks)


def _with_broken_labels(market: Market, breaks: Iterable[Break]) -> Market:
    session = market.sessions.repeat(np.diff(market.first_row))
    for broken in breaks:
        label = break_labels(market.label, session, broken)
        if label is not market.label:
            digest = sha256(f"{market.digest} {broken.name}".encode()).hexdigest()
            market = replace(market, label=label, digest=digest)
    return market


def _span(plan: Replay, market: Market) -> tuple[int, int]:
    first = int(market.sessions.searchsorted(plan.start))
    last = int(market.sessions.searchsorted(plan.end, side="right")) - 1
    if first < 1 or last <= first:
        raise BadInput(
            f"{plan.bars} has bars from {iso(market.sessions[0])} to {iso(market.sessions[-1])}.",
            "Begin some years after the first of them, and end before the last.",
        )
    return first, last


def _walk_all(plan: Replay, models: Models, jobs: Sequence[_Job], progress: Progress) -> list[_Row]:
    folder = plan.cache / "walks"
    if plan.workers == 1:
        return [_walk(models, job, folder, progress) for job in jobs]
    context = multiprocessing.get_context("spawn")  # a fork would take LightGBM's threads along
    with context.Manager() as manager:
        messages = manager.Queue()
        setting = (plan.cache / "market", plan.breaks, models.fits.config, plan.cache / "fits")
        with ProcessPoolExecutor(plan.workers, context, _open, setting) as pool:
            futures = [pool.submit(_walk_there, job, folder, messages) for job in jobs]
            _listen(futures, messages, progress)
            return [future.result() for future in futures]


def _listen(futures: Sequence[Future[_Row]], messages: Any, progress: Progress) -> None:
    """Pass on what the processes tell until all of them have ended; the first failure ends the wait."""
    while not all(future.done() for future in futures):
        if any(future.done() and future.exception() for future in futures):
            return
        while not messages.empty():
            progress(*messages.get())
        time.sleep(0.2)


_there: list[Models] = []  # of this process, opened once


def _open(market: Path, breaks: tuple[Break, ...], config: TrainingConfig, fits: Path) -> None:
    opened = _with_broken_labels(open_market(market), breaks)
    _there[:] = [Models(opened, Fits(opened, config, fits))]


def _walk_there(job: _Job, folder: Path, messages: Any) -> _Row:
    def tell(what: str, walked: int, of: int) -> None:
        messages.put((what, walked, of))

    return _walk(_there[0], job, folder, tell)


def _walk(models: Models, job: _Job, folder: Path, progress: Progress) -> _Row:
    """One policy, from its kept results if it was walked before."""
    stored = folder / job.key(models)
    if not (stored / "measured.json").exists():
        _keep(stored, _fresh(models, job, progress))
    measured = json.loads((stored / "measured.json").read_text())
    progress(job.policy.name, job.last - job.first + 1, job.last - job.first + 1)
    sessions, decisions = (pd.read_parquet(stored / f"{name}.parquet") for name in ("sessions", "decisions"))
    return _Row(sessions, decisions, measured)


def _fresh(models: Models, job: _Job, progress: Progress) -> _Row:
    begun = time.process_time()
    walk = Walk(job.policy, models, job.first, job.last, job.breaks, job.seed)
    walk.run(lambda walked, of: progress(job.policy.name, walked, of) if walked % 20 == 0 or walked == of else None)
    sessions = sessions_table(walk)
    measured = measure(walk, sessions, job.breaks)
    return _Row(sessions, decisions_table(walk), measured | {"seconds": time.process_time() - begun})


def _keep(stored: Path, row: _Row) -> None:
    stored.mkdir(parents=True, exist_ok=True)
    row.sessions.to_parquet(stored / "sessions.parquet", index=False)
    row.decisions.to_parquet(stored / "decisions.parquet", index=False)
    aside = stored / "measured.part"
    aside.write_text(json.dumps(row.measured))
    aside.replace(stored / "measured.json")  # last: a walk is finished once this is there


def _write(plan: Replay, rows: Sequence[_Row]) -> Replayed:
    names = [row.measured["policy"] for row in rows]
    by_name = dict(zip(names, (row.sessions for row in rows), strict=True))
    pairs, lacking = paired(by_name), regret([row.measured for row in rows])
    summary = {
        "bars": plan.bars,
        "from": iso(plan.start),
        "to": iso(plan.end),
        "horizon": plan.horizon,
        "seed": plan.seed,
        "train_sessions": plan.train_sessions,
        "breaks": [one.name for one in plan.breaks],
        "policies": [
            row.measured | {"against": pairs[name], "regret": lacking[name]}
            for name, row in zip(names, rows, strict=True)
        ],
    }
    sessions = pd.concat([row.sessions for row in rows], ignore_index=True)
    decisions = pd.concat([row.decisions for row in rows], ignore_index=True)
    sessions.to_parquet(plan.out / "sessions.parquet", index=False)
    decisions.to_parquet(plan.out / "decisions.parquet", index=False)
    (plan.out / "summary.json").write_text(json.dumps(summary, indent=1))
    return Replayed(sessions, decisions, summary)
