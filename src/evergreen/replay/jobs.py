"""One policy's walk as a piece of work: what it starts from, what it leaves, and where that is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evergreen.core.model.config import TrainingConfig
from evergreen.core.policy import Policy
from evergreen.errors import Unavailable
from evergreen.replay.breaks import Break, break_labels
from evergreen.replay.code_version import code_version
from evergreen.replay.fits import Fits
from evergreen.replay.market import Market, open_market
from evergreen.replay.measures import measure
from evergreen.replay.models import Models
from evergreen.replay.tables import decisions_table, sessions_table
from evergreen.replay.walk import Walk

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Setting:
    """Where walks find what they share: the folder of a replay, what market it holds, how models are trained in it."""

    cache: Path
    digest: str
    breaks: tuple[Break, ...]
    config: TrainingConfig


@dataclass(frozen=True)
class Job:
    """One policy's walk; it is pickled to other processes."""

    policy: Policy
    first: int
    last: int
    breaks: tuple[Break, ...]
    seed: int

    @property
    def planned(self) -> range:
        """The sessions at whose close it trains, where a calendar alone says so and they are known beforehand."""
        trigger = self.policy.trigger
        return (
            range(self.first - 1, self.last + 1, trigger.every) if trigger.every and not trigger.findings else range(0)
        )

    def key(self, models: Models) -> str:
        """What its results come from."""
        return sha256(f"{self!r} {models.fits.key(0)} {code_version()}".encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Row:
    """What one policy's walk leaves: its sessions, its decisions, its row of the summary."""

    sessions: pd.DataFrame
    decisions: pd.DataFrame
    measured: dict[str, Any]


@lru_cache(1)
def opened(setting: Setting) -> Models:
    """The models that a replay's folder holds, and makes.

    Raises:
        Unavailable: this machine does not see the folder.
    """
    folder = setting.cache / "market"
    if not folder.is_dir():
        raise Unavailable(
            f"{folder} is not to be seen by every worker.", "Replay into a folder that all of them share."
        )
    market = with_broken_labels(open_market(folder), setting.breaks)
    return Models(market, Fits(market, setting.config, setting.cache / "fits"))


def with_broken_labels(market: Market, breaks: Iterable[Break]) -> Market:
    """The market with labels as the breaks have them."""
    session = market.sessions.repeat(np.diff(market.first_row))
    for broken in breaks:
        label = break_labels(market.label, session, broken)
        if label is not market.label:
            digest = sha256(f"{market.digest} {broken.name}".encode()).hexdigest()
            market = replace(market, label=label, digest=digest)
    return market


def is_walked(setting: Setting, job: Job) -> bool:
    """Whether its results are kept."""
    return (_stored(setting, job) / "measured.json").exists()


def _stored(setting: Setting, job: Job) -> Path:
    return setting.cache / "walks" / job.key(opened(setting))


def walk(setting: Setting, job: Job, progress: Progress) -> Row:
    """One policy, from its kept results if it was walked before."""
    stored = _stored(setting, job)
    if not is_walked(setting, job):
        _keep(stored, _fresh(opened(setting), job, progress))
    measured = json.loads((stored / "measured.json").read_text())
    progress(job.policy.name, job.last - job.first + 1, job.last - job.first + 1)
    sessions, decisions = (pd.read_parquet(stored / f"{name}.parquet") for name in ("sessions", "decisions"))
    return Row(sessions, decisions, measured)


def _fresh(models: Models, job: Job, progress: Progress) -> Row:
    begun = time.process_time()
    policy_walk = Walk(job.policy, models, job.first, job.last, job.breaks, job.seed)
    policy_walk.run(
        lambda walked, of: progress(job.policy.name, walked, of) if walked % 20 == 0 or walked == of else None
    )
    sessions = sessions_table(policy_walk)
    measured = measure(policy_walk, sessions, job.breaks)
    return Row(sessions, decisions_table(policy_walk), measured | {"seconds": time.process_time() - begun})


def _keep(stored: Path, row: Row) -> None:
    stored.mkdir(parents=True, exist_ok=True)
    row.sessions.to_parquet(stored / "sessions.parquet", index=False)
    row.decisions.to_parquet(stored / "decisions.parquet", index=False)
    aside = stored / "measured.part"
    aside.write_text(json.dumps(row.measured))
    aside.replace(stored / "measured.json")  # last: a walk is finished once this is there
