"""The gate: is the challenger good enough to be tried on clients?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from evergreen.adapters.database import decisions, evidence, reading, rollouts, trials, writing
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.database.rollouts import Rollout
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect
from tasks.models import read_manifest

if TYPE_CHECKING:
    from evergreen.core.verdict import Verdict


@dataclass(frozen=True)
class Judgement:
    """The gate's verdict on a version, against the champion of that moment."""

    version: str
    champion: str
    verdict: Verdict
    canary_test: str  # the frozen QualityTest as JSON, empty when the challenger is not admitted


@effect
def judge_challenger(asked: RetrainRequest, version: str, now: datetime) -> Judgement:
    """Compare a version with the champion on walk-forward sessions neither was trained on; counts the trial."""
    from evergreen.core.gate import compare

    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.current(conn, at.settings.model_name)
    challenger = walk_forward_record(at, version)
    champion = champion_record(at, rollout.champion)
    tried = _count_trial(at, asked, rollout, version, challenger)
    verdict = compare(champion, challenger, tried=tried)
    _write_down(at, asked, version, verdict, now)
    test = _canary_test(champion, challenger) if verdict.admitted and champion is not None else ""
    return Judgement(version, rollout.champion, verdict, test)


def walk_forward_record(at: Workspace, version: str) -> pd.DataFrame:
    """What a version's fold models forecast out of sample: ticker, session, forecast, label, interval."""
    return pd.read_parquet(at.model_folder(version) / "oos.parquet")


def champion_record(at: Workspace, version: str) -> pd.DataFrame | None:
    """All a champion forecast out of sample: its walk-forward record, then what it said while it served.

    Returns ticker, session, forecast; None for the random walk.
    """
    if read_manifest(at, version).kind == "random_walk":
        return None
    with reading(at.engine) as conn:
        served = evidence.forecasts(conn, version).rename(columns={"value": "forecast"})
    record = pd.concat([walk_forward_record(at, version), served])[["ticker", "session", "forecast"]]
    return record.drop_duplicates(["ticker", "session"], keep="first", ignore_index=True)


def _count_trial(at: Workspace, asked: RetrainRequest, rollout: Rollout, version: str, record: pd.DataFrame) -> int:
    with writing(at.engine) as conn:
        return trials.record(
            conn,
            model=rollout.model,
            champion=rollout.champion,
            challenger=version,
            window_start=record["session"].min(),
            window_end=record["session"].max(),
            as_of=asked.as_of,
            request_id=asked.id,
        )


def _write_down(at: Workspace, asked: RetrainRequest, version: str, verdict: Verdict, now: datetime) -> None:
    made = decisions.Decision(
        at=now,
        model=at.settings.model_name,
        kind="gate",
        as_of=asked.as_of,
        subject=version,
        summary=verdict.sentence,
        evidence=verdict.to_dict(),
    )
    with writing(at.engine) as conn:
        if not any(known.kind == "gate" for known in decisions.of(conn, version)):
            decisions.append(conn, made)


def _canary_test(champion: pd.DataFrame, challenger: pd.DataFrame) -> str:
    """The canary's test, its scale frozen on the sessions both forecast out of sample."""
    from evergreen.core.canary import QualityTest
    from evergreen.core.metrics import session_losses

    both = challenger.merge(champion, on=["ticker", "session"], suffixes=("", "_champion"))
    pairs = both.set_index(["ticker", "session"])
    losses = (session_losses(pairs[name], pairs["label"]) for name in ("forecast_champion", "forecast"))
    return QualityTest(*(loss.to_numpy() for loss in losses)).to_json()
