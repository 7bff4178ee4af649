"""The gate: is the challenger good enough to be tried on clients?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from evergreen.adapters.database import decisions, evidence, reading, rollouts, trials, writing
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.policy.kinds import DecisionKind
from evergreen.workspace import Workspace, workspace
from tasks.artifacts import show
from tasks.decorators import effect
from tasks.models import read_manifest, read_record

if TYPE_CHECKING:
    from evergreen.core.canary import CanaryRecord
    from evergreen.core.gate.verdict import Verdict
    from evergreen.core.policy import CanaryPolicy


@dataclass(frozen=True)
class Judgement:
    """The gate's verdict on a version, against the champion of that moment.

    `record`: what a canary would be judged by; None when there is to be none. `first`: only the random walk serves.
    """

    version: str
    champion: str
    verdict: Verdict
    record: CanaryRecord | None
    first: bool = False


@effect
def judge_challenger(request: RetrainRequest, version: str, now: datetime) -> Judgement:
    """Compare a version with the champion on walk-forward sessions neither was trained on; counts the trial."""
    from evergreen.core.gate.compare import require_audit
    from evergreen.core.policy import GatePolicy
    from evergreen.core.policy.judging import judge

    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.current(conn, at.settings.model_name)
    challenger = read_record(at, version)
    champion = champion_record(at, rollout.champion)
    tried = _count_trial(at, request, rollout, version, challenger)
    policy = at.settings.delivery_policy()
    rules = policy.gate or GatePolicy()
    verdict = require_audit(judge(rules, champion, challenger, tried), read_manifest(at, version))
    _write_down(at, request, version, verdict, now)
    print(f"Version {version} against {rollout.champion}: {verdict.sentence}")
    show("gate", f"Gate: version {version} against {rollout.champion}", verdict.sentence, *verdict.reasons)
    tries = policy.canary if champion is not None and (verdict.admitted or policy.gate is None) else None
    record = _freeze(at, rollout, version, tries, rules.retained, tried) if tries else None
    return Judgement(version, rollout.champion, verdict, record, first=champion is None)


def champion_record(at: Workspace, version: str) -> pd.DataFrame | None:
    """All a champion forecast out of sample: its walk-forward record, then what it said while it served.

    Returns ticker, session, forecast; None for the random walk.
    """
    if read_manifest(at, version).kind == "random_walk":
        return None
    with reading(at.engine) as conn:
        served = evidence.forecasts(conn, version).rename(columns={"value": "forecast"})
    record = pd.concat([read_record(at, version), served])[["ticker", "session", "forecast"]]
    return record.drop_duplicates(["ticker", "session"], keep="first", ignore_index=True)


def _count_trial(at: Workspace, request: RetrainRequest, rollout: Rollout, version: str, record: pd.DataFrame) -> int:
    """Count the challenger, and each configuration that it was chosen from; returns how many were tried so far."""
    others = round(read_manifest(at, version).metrics.get("configurations") or 1) - 1
    names = [*(f"{version}, configuration {number}" for number in range(1, others + 1)), version]
    with writing(at.engine) as conn:
        counted = [
            trials.record(
                conn,
                model=rollout.model,
                champion=rollout.champion,
                challenger=name,
                window_start=record["session"].min(),
                window_end=record["session"].max(),
                as_of=request.as_of,
                request_id=request.id,
            )
            for name in names
        ]
    return counted[-1]


def _write_down(at: Workspace, request: RetrainRequest, version: str, verdict: Verdict, now: datetime) -> None:
    decision = decisions.Decision(
        at=now,
        model=at.settings.model_name,
        kind=DecisionKind.GATE,
        as_of=request.as_of,
        subject=version,
        summary=verdict.sentence,
        evidence=verdict.to_dict(),
    )
    with writing(at.engine) as conn:
        if not any(known.kind == DecisionKind.GATE for known in decisions.of(conn, version)):
            decisions.append(conn, decision)


def _freeze(
    at: Workspace, rollout: Rollout, version: str, rules: CanaryPolicy, retained: float, tried: int
) -> CanaryRecord:
    """The canary's test and its limits on outputs, fixed on sessions both models forecast out of sample."""
    from evergreen.core.canary import CanaryRecord
    from evergreen.core.canary.freezing import freeze

    champion, challenger = champion_record(at, rollout.champion), read_record(at, version)
    assert champion is not None
    manifest, usual = read_manifest(at, version), read_manifest(at, rollout.champion)
    target = manifest.target_low, manifest.target_high
    bounds = (rules.alpha_promote, rules.alpha_rollback, rules.t_min, rules.t_max)
    carried_to = tried if rules.undecided == "carried" else 0
    frozen = freeze(champion, challenger, usual.residual_sigma, target, *bounds, retained, carried_to)
    return CanaryRecord(limits=frozen.limits, power=frozen.plan, ladder=rules.ladder).with_test(frozen.test)
