"""What the status page shows, gathered from the database and from what this process serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection

from evergreen.adapters.database import decisions, evidence, ledger, owed, predictions, rollouts, version_words
from evergreen.adapters.database.decisions import RecordedDecision
from evergreen.adapters.database.ledger import DataVersion, DriftRecord, ModelVersion
from evergreen.adapters.database.request_words import training
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.canary import QualityTest
from evergreen.core.evaluation.losses import skill_score
from evergreen.core.policy.kinds import MAKES_CHAMPION
from evergreen.errors import Broken, NotFound
from evergreen.service.forecasts import TickerForecast, todays_forecasts
from evergreen.service.state import Snapshot

DECISIONS = 15  # shown: some months of them
TRAFFIC = timedelta(hours=24)  # a day, whatever the hour: clients keep hours
SKILL_DAYS = 370  # a year of sessions, and the days until the last of them settles


@dataclass(frozen=True)
class Traffic:
    """Answers of the last 24 hours by one arm and version; `share` of all, 0..1."""

    arm: str
    version: str
    count: int
    share: float


@dataclass(frozen=True)
class Skill:
    """Realized losses of one version by session, beside those of a forecast of 0 over the same tickers."""

    version: str
    losses: pd.DataFrame

    @property
    def gain(self) -> float:
        """Share by which the squared error is below that of a forecast of 0; negative when above."""
        return float(skill_score(self.losses["loss"].sum(), self.losses["baseline_loss"].sum()))

    @property
    def advantage(self) -> pd.Series[float]:
        """Cumulated loss of a forecast of 0 minus the model's, in average sessions of the former."""
        saved = self.losses["baseline_loss"] - self.losses["loss"]
        return (saved / self.losses["baseline_loss"].mean()).cumsum()


@dataclass(frozen=True)
class View:
    """Everything on the page.

    `quality`: the running canary's test; `why`: what made the champion one; `clock`: the last processed session;
    `owed`: which bars have not arrived, empty for none; `training`: how the last request for a model stands while it
    is open, or why it failed, else empty.
    """

    now: datetime
    rollout: Rollout | None
    champion: ModelVersion | None
    why: RecordedDecision | None
    quality: QualityTest | None
    traffic: Sequence[Traffic]
    skills: Sequence[Skill]
    drift: DriftRecord | None
    decisions: Sequence[RecordedDecision]
    data: DataVersion | None
    owed: str
    training: str
    predictions: int
    clock: str | None
    forecasts: Sequence[TickerForecast]

    @property
    def called(self) -> str:
        """What the champion is called; empty without one."""
        return version_words.called(self.rollout.champion, self._kind) if self.rollout else ""

    @property
    def meaning(self) -> str:
        """What it means for a client that this champion is no trained model; empty of one that is."""
        return version_words.meaning(self._kind)

    @property
    def _kind(self) -> str | None:
        return self.champion.kind if self.champion else None


def gather(conn: Connection, model: str, snapshot: Snapshot | None, now: datetime) -> View:
    """Read the page's contents at `now`."""
    row = rollouts.read(conn, model)
    recent = decisions.turns(conn, model, DECISIONS)
    checks = ledger.drift_checks(conn, model, limit=1)
    data = ledger.data_versions(conn, limit=1)
    return View(
        now=now,
        rollout=row,
        champion=_registered(conn, row),
        why=_why(conn, row),
        quality=_quality(row),
        traffic=_traffic(conn, now),
        skills=_skills(conn, row, snapshot),
        drift=checks[0] if checks else None,
        decisions=recent,
        data=data[0] if data else None,
        owed=owed.summary(owed.open_bars(conn)),
        training=training(conn, model, now),
        predictions=predictions.count(conn),
        clock=ledger.clock(conn, model),
        forecasts=_forecasts(conn, snapshot),
    )


def _registered(conn: Connection, row: Rollout | None) -> ModelVersion | None:
    if row is None:
        return None
    try:
        return ledger.read_model_version(conn, row.model, row.champion)
    except NotFound:
        return None


def _why(conn: Connection, row: Rollout | None) -> RecordedDecision | None:
    about = decisions.of(conn, row.champion) if row is not None else []
    made_champion = [each for each in about if each.kind in MAKES_CHAMPION]
    return next(reversed(made_champion or about[:1]), None)


def _quality(row: Rollout | None) -> QualityTest | None:
    if row is None or row.evidence is None or row.evidence.test is None:
        return None
    try:
        return row.evidence.quality_test()
    except Broken:
        return None


def _traffic(conn: Connection, now: datetime) -> list[Traffic]:
    counts = predictions.by_arm(conn, now - TRAFFIC)
    total = sum(counts.values())
    return [
        Traffic(arm, version, count, count / total) for (arm, version), count in sorted(counts.items(), reverse=True)
    ]


def _forecasts(conn: Connection, snapshot: Snapshot | None) -> list[TickerForecast]:
    if snapshot is None:
        return []
    lineup, since = snapshot.lineup, snapshot.clock - pd.Timedelta(days=SKILL_DAYS)
    arms = [model for model in (lineup.champion, lineup.challenger) if model is not None]
    hits = {model.version: evidence.sign_hits(conn, model.version, model.manifest.aim, since) for model in arms}
    return todays_forecasts(snapshot, hits)


def _skills(conn: Connection, row: Rollout | None, snapshot: Snapshot | None) -> list[Skill]:
    if row is None or snapshot is None:
        return []
    start = snapshot.clock - pd.Timedelta(days=SKILL_DAYS)
    aim = snapshot.lineup.champion.manifest.aim
    versions = [row.champion] + ([row.challenger] if row.challenger else [])
    skills = [Skill(version, evidence.session_losses(conn, version, aim, start)) for version in versions]
    return [skill for skill in skills if len(skill.losses)]
