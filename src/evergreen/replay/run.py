"""Several policies over one market, side by side: shared models, some processes, results that do not depend on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from evergreen.core.bars.session import iso
from evergreen.core.model.aim import Aim
from evergreen.core.model.breadth import suited
from evergreen.core.model.config import TrainingConfig
from evergreen.errors import BadInput, NotFound
from evergreen.replay.bars import read_bars
from evergreen.replay.breaks import BARS, break_bars
from evergreen.replay.jobs import Job, Progress, Row, Setting, is_walked, opened, with_broken_labels
from evergreen.replay.market import Market, build_market
from evergreen.replay.measures import paired, regret
from evergreen.replay.plan import Replay
from evergreen.replay.spreading import walk_all
from evergreen.workspace import require_writable


@dataclass(frozen=True, eq=False)
class Replayed:
    """The three tables of a replay; `summary` has a row for each policy."""

    sessions: pd.DataFrame
    decisions: pd.DataFrame
    summary: dict[str, Any]


def read_replayed(folder: Path) -> Replayed:
    """What `replay` left in a folder.

    Raises:
        NotFound: no replay ended there.
    """
    try:
        summary = json.loads((folder / "summary.json").read_text())
        sessions, decisions = (pd.read_parquet(folder / f"{name}.parquet") for name in ("sessions", "decisions"))
    except (OSError, ValueError) as error:
        raise NotFound(
            f"{folder} holds no results of a replay: {error}.", "Name an --out of `evergreen replay`."
        ) from None
    return Replayed(sessions, decisions, summary)


def replay(plan: Replay, progress: Progress = lambda what, walked, of: None) -> Replayed:
    """Walk every policy, or go on where an interrupted replay stopped; results go to `plan.out`.

    Finished policies and all fits are stored, by the content they come from, so that nothing is done twice.

    Raises:
        BadInput: bars that hold no such sessions or tickers, or too short a history before them.
        BadSetting: a folder that cannot be written to.
        Unavailable: no Dask scheduler at its address, or a worker that does not see the folder.
    """
    require_writable(plan.out, "Name another --out.")
    market = _market(plan, progress)
    first, last = _span(plan, market)
    setting = Setting(plan.cache.resolve(), market.digest, plan.breaks, plan.config or _config(plan, market))
    models = opened(setting)
    jobs = [Job(policy, first, last, plan.breaks, plan.seed) for policy in plan.policies]
    left = sum(not is_walked(setting, job) for job in jobs)
    models.require_history(first - 1)  # said before any process starts
    rows = walk_all(setting, jobs, min(plan.workers, left), plan.dask_address, progress)
    models.fits.prune()
    return _write(plan, market, setting.config, rows)


def _config(plan: Replay, market: Market) -> TrainingConfig:
    """What live training takes, but for what the plan says otherwise."""
    choices = {"target": plan.target, "horizon": plan.horizon, "seed": plan.seed, "train_sessions": plan.train_sessions}
    choices |= suited(len(market.tickers), market.target.by_order)
    return TrainingConfig(**choices | ({"learner": plan.learner} if plan.learner else {}))  # type: ignore[arg-type]


def _market(plan: Replay, progress: Progress) -> Market:
    bars = read_bars(plan.bars, plan.calendar, plan.start, plan.end, list(plan.tickers) or None)
    for broken in plan.breaks:
        if broken.kind in BARS:
            bars = replace(bars, bars=break_bars(bars.bars, broken, plan.seed).reset_index(drop=True))
    market = build_market(
        bars,
        Aim(plan.target, plan.horizon),
        plan.cache / "market",
        lambda share: progress("factors", round(100 * share), 100),
    )
    return with_broken_labels(market, plan.breaks)


def _span(plan: Replay, market: Market) -> tuple[int, int]:
    first = int(market.sessions.searchsorted(plan.start))
    last = int(market.sessions.searchsorted(plan.end, side="right")) - 1
    if first < 1 or last <= first:
        raise BadInput(
            f"{plan.bars} has bars from {iso(market.sessions[0])} to {iso(market.sessions[-1])}.",
            "Begin some years after the first of them, and end before the last.",
        )
    if not len(market.labelled):
        raise BadInput(
            f"no outcome of {plan.bars} is known {plan.horizon:,} sessions ahead.", "Give a shorter --horizon."
        )
    for broken in plan.breaks:
        if broken.session > market.sessions[last]:
            raise BadInput(
                f"{broken.name} breaks nothing: the walk ends on {iso(market.sessions[last])}.",
                "Name a session before it.",
            )
    return first, last


def _write(plan: Replay, market: Market, config: TrainingConfig, rows: Sequence[Row]) -> Replayed:
    names = [row.measured["policy"] for row in rows]
    by_name = dict(zip(names, (row.sessions for row in rows), strict=True))
    pairs, lacking = paired(by_name), regret([row.measured for row in rows])
    sessions = pd.concat([row.sessions for row in rows], ignore_index=True)
    decisions = pd.concat([row.decisions for row in rows], ignore_index=True)
    summary = {
        "bars": plan.bars,
        "from": iso(sessions["session"].min()),  # what was walked: bars may begin later or end sooner than was asked
        "to": iso(sessions["session"].max()),
        "tickers": len(market.tickers),
        "learner": config.learner,
        "target": plan.target,
        "horizon": plan.horizon,
        "seed": plan.seed,
        "train_sessions": plan.train_sessions,
        "breaks": [one.name for one in plan.breaks],
        "policies": [
            row.measured | {"against": pairs[name], "regret": lacking[name]}
            for name, row in zip(names, rows, strict=True)
        ],
    }
    sessions.to_parquet(plan.out / "sessions.parquet", index=False)
    decisions.to_parquet(plan.out / "decisions.parquet", index=False)
    (plan.out / "summary.json").write_text(json.dumps(summary, indent=1))
    return Replayed(sessions, decisions, summary)
