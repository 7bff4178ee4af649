"""The gate: is the challenger good enough to be tried on clients?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from evergreen.adapters.database import decisions, reading, rollouts, trials, writing
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.policy.kinds import DecisionKind
from evergreen.research.registered import champion_record, read_manifest, read_record
from evergreen.workspace import Workspace, workspace
from tasks.artifacts import show
from tasks.assets import tell_verdict
from tasks.decorators import effect

if TYPE_CHECKING:
    from evergreen.core.canary import CanaryRecord
    from evergreen.core.gate.place import Place
    from evergreen.core.gate.verdict import Verdict
    from evergreen.core.policy import Policy


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
    """Compare a version with the champion on walk-forward sessions neither was trained on; counts its recipe."""
    from evergreen.core.gate.requirements import require_audit
    from evergreen.core.model.continuity import Continuity
    from evergreen.core.model.targets.registry import target
    from evergreen.core.policy import GatePolicy
    from evergreen.core.policy.judging import judge

    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.current(conn, at.settings.model_name)
    challenger = read_record(at, version)
    champion = champion_record(at, rollout.champion)
    place = _place(at, request, rollout, version, challenger)
    policy = at.settings.delivery_policy()
    rules = policy.gate or GatePolicy()
    manifest = read_manifest(at, version)
    continuity = Continuity.from_metrics(manifest.metrics)
    verdict = require_audit(judge(rules, champion, challenger, place, continuity, target(manifest.target)), manifest)
    _write_down(at, request, version, verdict, now)
    print(f"Version {version} against {rollout.champion}: {verdict.sentence}")
    tell_verdict(version, rollout.champion, verdict.to_dict(), verdict.sentence)
    show("gate", f"Gate: version {version} against {rollout.champion}", verdict.sentence, *verdict.reasons)
    tries = policy.canary is not None and champion is not None and (verdict.admitted or policy.gate is None)
    record = _freeze(at, rollout, version, policy, verdict) if tries else None
    return Judgement(version, rollout.champion, verdict, record, first=champion is None)


def _place(at: Workspace, request: RetrainRequest, rollout: Rollout, version: str, record: pd.DataFrame) -> Place:
    """Note the trial, and one for each configuration that it was chosen from; returns the place of its recipe.

    A version from before recipes were kept is one of its own.
    """
    manifest, serving = read_manifest(at, version), read_manifest(at, rollout.champion)
    others = round(manifest.metrics.get("configurations") or 1) - 1
    names = [*(f"{version}, configuration {number}" for number in range(1, others + 1)), version]
    recipe = manifest.recipe or version
    with writing(at.engine) as conn:
        for name in names:
            trials.record(
                conn,
                model=rollout.model,
                champion=rollout.champion,
                challenger=name,
                recipe=recipe if name == version else name,
                window_start=record["session"].min(),
                window_end=record["session"].max(),
                as_of=request.as_of,
                request_id=request.id,
            )
        return trials.place(conn, rollout.model, recipe, manifest.renews(serving))


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


def _freeze(at: Workspace, rollout: Rollout, version: str, policy: Policy, verdict: Verdict) -> CanaryRecord:
    """The canary's test and its limits on outputs, fixed on sessions both models forecast out of sample."""
    from evergreen.core.canary import CanaryRecord
    from evergreen.core.model.targets.registry import target
    from evergreen.core.policy import CanaryPolicy
    from evergreen.core.policy.judging import freeze_canary

    champion, challenger = champion_record(at, rollout.champion), read_record(at, version)
    assert champion is not None
    manifest, usual = read_manifest(at, version), read_manifest(at, rollout.champion)
    span, by_order = (manifest.target_low, manifest.target_high), target(manifest.target).by_order
    frozen = freeze_canary(
        policy, verdict, champion, challenger, usual.residual_sigma, span, manifest.horizon, by_order
    )
    ladder = (policy.canary or CanaryPolicy()).ladder
    return CanaryRecord(limits=frozen.limits, power=frozen.plan, ladder=ladder).with_test(frozen.test)
