"""What a training needs, looked at before it starts: hours later the same would be said in worse words."""

from __future__ import annotations

import shutil

import pandas as pd

from evergreen.adapters.database.requests import RetrainRequest
from evergreen.core.dataset.splits import fewest_sessions
from evergreen.core.model.aim import Aim
from evergreen.core.model.choices import TrainingChoices
from evergreen.core.model.config import TrainingConfig
from evergreen.core.policy import GatePolicy
from evergreen.errors import Refused
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect
from tasks.models import serving_manifest

COPIES = 4  # of the training set on disk: the join's, its file, what the notebook writes and what MLflow keeps of it
NUMBER = 4  # bytes of a factor's float32
SPARE = 200_000_000  # bytes: the models, the notebook's page, and room for the databases meanwhile


@effect
def require_trainable(request: RetrainRequest, choices: TrainingChoices) -> None:
    """Pass if a training can end well as far as can be known before it starts.

    Raises:
        Refused: the champion forecasts something else, the experiment was deleted, the disk is too full, or the
            history too short.
        Unavailable: MLflow does not answer.
    """
    at = workspace()
    at.tracking.require_active()
    _require_disk(at)
    if "run_id" not in request.evidence:  # a finished run was trained already, and says itself what it forecasts
        require_same_aim(at, choices.aim)
        _require_history(at, request, choices)


def usual_aim(at: Workspace, target: str = "", horizon: int | None = None) -> Aim:
    """What a training aims at: as it was chosen, else the setting's target at the champion's horizon."""
    manifest = serving_manifest(at)
    return Aim(target or at.settings.target, horizon or (manifest.horizon if manifest else 1))


def require_same_aim(at: Workspace, aim: Aim) -> None:
    """Pass if a model of this aim can follow the champion: only forecasts of one outcome can be compared.

    The random walk may be followed at another horizon, for it says 0 at any. Not in another target: clients who were
    told prices would be told something else.

    Raises:
        Refused: it cannot.
    """
    manifest = serving_manifest(at)
    if manifest is None or manifest.aim == aim:
        return
    if manifest.kind == "random_walk" and manifest.target == aim.target:
        return
    raise Refused(
        f"The champion forecasts {manifest.aim.phrase}, a model of {aim.phrase} cannot be compared with it.",
        f"Give it a home of its own: EVERGREEN_HOME, and EVERGREEN_TARGET={aim.target}.",
    )


def _require_disk(at: Workspace) -> None:
    bars, _ = at.bars.counts()
    needed = COPIES * NUMBER * bars * len(at.features.names) + SPARE
    at.settings.runs.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(at.settings.runs).free
    if free < needed:
        raise Refused(
            f"A training on {bars} bars needs {needed / 1e9:.1f} GB, {at.settings.runs} has {free / 1e9:.1f} free.",
            "Free some space, then ask again.",
        )


def _require_history(at: Workspace, request: RetrainRequest, choices: TrainingChoices) -> None:
    config = choices.config()
    judged = workspace().settings.delivery_policy().gate or GatePolicy()
    judgeable = -(-judged.min_sessions // config.test_size)  # with fewer folds the gate cannot judge it
    needed, least = (_fewest(choices, config, folds) for folds in (min(config.folds, judgeable), 1))
    there = int((at.bars.sessions() <= pd.Timestamp(request.as_of)).sum())
    if there < needed:
        shorter = (
            "; `evergreen retrain --reason short --folds 1` has enough, for a model that the gate cannot admit yet"
        )
        raise Refused(
            f"A training needs {needed} sessions, {there} are stored up to {request.as_of}: "
            f"{needed - there} are missing.",
            f"Bring a longer history (`evergreen backfill`){shorter if there >= least else ''}.",
        )


def _fewest(choices: TrainingChoices, config: TrainingConfig, folds: int) -> int:
    """Sessions with bars that so many folds need; the last `horizon` have no label yet."""
    return choices.horizon + fewest_sessions(folds, config.test_size, choices.horizon, config.embargo, config.min_train)
