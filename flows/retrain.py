"""A challenger, from the request to the gate's verdict."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import pandas as pd
from prefect import flow
from pydantic import Field

from evergreen.adapters.database.requests import BY_HAND, RetrainRequest
from evergreen.core.model.choices import TrainingChoices
from evergreen.errors import AlreadyClaimed
from evergreen.research.retrainings import require_askable, require_challenger, usual_aim
from evergreen.workspace import workspace
from flows.clock import last_walked, now_at
from flows.lineage import LINEAGE
from flows.names import flow_and_request
from tasks.calibration import calibrate_drift
from tasks.gate import judge_challenger
from tasks.ledger import show_triggers
from tasks.model_card import write_model_card
from tasks.models import mirror_aliases
from tasks.readiness import require_trainable
from tasks.registering import register_challenger, register_random_walk, register_trained
from tasks.requests import claim_request, confirm_claim, finish_request, holding_claim, read_request, request_retrain
from tasks.rollout import deliver, install_random_walk, read_rollout
from tasks.sessions import latest_data_version
from tasks.training import make_training_set, run_training_notebook


@flow(flow_run_name=flow_and_request, log_prints=True, **LINEAGE)
def retrain(
    request_id: str | None = None,
    reason: str = "asked for by hand",
    run_id: str | None = None,
    horizon: Annotated[int | None, Field(ge=1)] = None,
    seed: int = 7,
    tuning_budget: Annotated[int, Field(ge=0)] = 0,
    learner: str = "",
    folds: Annotated[int | None, Field(ge=1)] = None,
    target: str = "",
) -> str:
    """Train, register and judge the challenger a request asks for; returns what became of it.

    Args:
        request_id: the request on record; the automation passes it. Without one a request is made here.
        reason: why, when a person starts it.
        run_id: a finished run of MLflow whose model is to be judged in place of one trained here.
        horizon: sessions ahead that the model forecasts; by default the champion's, 1 for the first.
        seed: of the training.
        tuning_budget: configurations to search among before the folds; 0 takes the defaults. The gate counts each.
        learner: what fits the model, by name: lightgbm, ridge, blend, or another that is registered; by default the
            champion's, and for the first one what suits the number of tickers.
        folds: most walk-forward test windows; by default as many as suit the number of tickers.
        target: what the model forecasts, by name; by default the setting `target`.
    """
    aim = usual_aim(workspace(), target, horizon)
    choices = TrainingChoices(aim.horizon, learner, folds, seed, tuning_budget, aim.target)
    if request_id is None:
        return _request_by_hand(reason, run_id, choices)
    try:
        request = claim_request(request_id)
    except AlreadyClaimed as taken:
        print(nothing := f"Nothing to do: {taken.what}")
        return nothing
    now = now_at(pd.Timestamp(request.as_of), workspace())
    with holding_claim(request, now):
        return _train_and_judge(request, TrainingChoices.of(request.evidence, choices), now)


def _train_and_judge(request: RetrainRequest, choices: TrainingChoices, now: datetime) -> str:
    require_trainable(request, choices)
    training_set = make_training_set(request, choices.aim, now)
    if read_rollout() is None:
        install_random_walk(request, register_random_walk(request, training_set, choices, now), now)
    if run_id := request.evidence.get("run_id"):
        version = register_challenger(request, training_set, run_id, now)
    else:
        version = register_trained(request, run_training_notebook(request, training_set, choices), now)
    calibrate_drift(version, training_set)
    judged = judge_challenger(request, version, now)
    write_model_card(request, judged, now)
    confirm_claim(request)
    became = deliver(request, judged, now)
    mirror_aliases()
    finish_request(request, now, version, became)
    show_triggers()
    return became


def _request_by_hand(reason: str, run_id: str | None, choices: TrainingChoices) -> str:
    at = workspace()
    if run_id is None:
        require_askable(at, choices)
    else:
        require_challenger(at, run_id)
    as_of = last_walked()
    now = now_at(as_of, at)
    cause, why = f"{BY_HAND}: {reason}{choices.phrase}", f"A challenger is wanted: {reason}{choices.phrase}."
    evidence: dict[str, Any] = {"reason": reason, "training": choices.as_dict()}
    if run_id:
        cause, why = f"challenge by run {run_id}", f"The model of run {run_id} challenges: {reason}."
        evidence["run_id"] = run_id
    request = read_request(request_retrain(cause, why, as_of, latest_data_version().id, evidence, now))
    if not request.open:
        return f"request {request.id} is {request.state} already: {request.verdict} Another reason asks for another."
    return f"request {request.id} is on its way"
