"""What happened, told from the records alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine

from evergreen.adapters.database import decisions, evidence, ledger, predictions, reading, requests, rollouts
from evergreen.adapters.database.decisions import RecordedDecision
from evergreen.adapters.database.triggers import EVERYTHING
from evergreen.core.evaluation.losses import skill_score
from evergreen.core.model.aim import NEXT_RETURN, Aim
from evergreen.core.policy.kinds import DecisionKind

STEPS = (  # kinds of decisions on who serves
    DecisionKind.CANARY_START,
    DecisionKind.CANARY,
    DecisionKind.PROMOTE,
    DecisionKind.ROLLBACK,
    DecisionKind.INCONCLUSIVE,
    DecisionKind.DECLINED,
    DecisionKind.MISMATCH,
)


def give_account(engine: Engine, model: str, aim: Aim = NEXT_RETURN) -> dict[str, Any]:
    """The whole history of a model as plain data, ready for JSON.

    Keys: sessions (processed since the history was loaded), bars and refused (rows), drift_events, retrains,
    gate (one verdict for each judged version), canary, champion, predictions, skill.
    """
    with reading(engine) as conn:
        recorded = list(reversed(decisions.turns(conn, model, EVERYTHING)))
        data = ledger.data_versions(conn, EVERYTHING)
        return {
            "sessions": _sessions(conn, model),
            "bars": sum(version.rows_added for version in data),
            "refused": sum(version.rows_refused for version in data),
            "drift_events": _drift_events(recorded),
            "retrains": _retrains(conn, model),
            "gate": [_gate(decision) for decision in recorded if decision.kind == DecisionKind.GATE],
            "canary": [_step(decision) for decision in recorded if decision.kind in STEPS],
            "champion": _champion(conn, model),
            "predictions": predictions.count(conn),
            "skill": _skill(conn, model, aim),
        }


def _sessions(conn: Connection, model: str) -> dict[str, Any]:
    walked = ledger.sessions(conn, model, EVERYTHING)[:-1]  # the oldest one closed the backfill
    if not walked:
        return {"count": 0, "first": None, "last": None}
    return {"count": len(walked), "first": walked[-1].as_of, "last": walked[0].as_of}


def _drift_events(recorded: Sequence[RecordedDecision]) -> list[dict[str, Any]]:
    return [
        {"as_of": decision.as_of, "summary": decision.summary, **decision.evidence}
        for decision in recorded
        if decision.kind == DecisionKind.DRIFT
    ]


def _retrains(conn: Connection, model: str) -> list[dict[str, Any]]:
    return [
        {name: getattr(request, name) for name in ("id", "cause", "as_of", "state", "version", "verdict")}
        for request in reversed(requests.recent(conn, model, EVERYTHING))
    ]


def _gate(decision: RecordedDecision) -> dict[str, Any]:
    return {"version": decision.subject, "as_of": decision.as_of, "summary": decision.summary, **decision.evidence}


def _step(decision: RecordedDecision) -> dict[str, Any]:
    shown: Mapping[str, Any] = {"as_of": decision.as_of, "version": decision.subject, "kind": decision.kind}
    stage = decision.evidence.get("stage")
    return {**shown, "stage": stage, "summary": decision.summary}


def _champion(conn: Connection, model: str) -> dict[str, Any]:
    rollout = rollouts.current(conn, model)
    version = ledger.read_model_version(conn, model, rollout.champion)
    return {
        "version": version.version,
        "kind": version.kind,
        "trained_as_of": version.as_of,
        "data_version": version.data_version,
        "run_id": version.run_id,
        "challenger": rollout.challenger,
        "stage": rollout.stage,
    }


def _skill(conn: Connection, model: str, aim: Aim) -> list[dict[str, Any]]:
    versions = sorted(
        version.version for version in ledger.model_versions(conn, model) if version.kind != "random_walk"
    )
    by_version = [_skill_of(conn, version, aim) for version in versions]
    return [skill for skill in by_version if skill["sessions"]]


def _skill_of(conn: Connection, version: str, aim: Aim) -> dict[str, Any]:
    losses = evidence.session_losses(conn, version, aim)
    loss, baseline = losses["loss"].mean(), losses["baseline_loss"].mean()
    return {
        "version": version,
        "sessions": len(losses),
        "mean_squared_error": float(loss),
        "random_walk": float(baseline),
        "gain_over_random_walk": float(skill_score(loss, baseline)) if len(losses) else None,
        "rank_ic": float(losses["rank_ic"].mean()) if len(losses) else None,
    }
