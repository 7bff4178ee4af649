"""Whether a training can be asked for: said when it is, and not by a run that fails minutes later."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from evergreen.adapters.database import ledger, reading, rollouts
from evergreen.adapters.models.folder import read_manifest
from evergreen.core.dataset.splits import fewest_sessions
from evergreen.core.model.aim import Aim
from evergreen.core.model.choices import TrainingChoices
from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.registry import learner, learner_names
from evergreen.core.model.targets.registry import named_target
from evergreen.core.policy import GatePolicy
from evergreen.errors import BadInput, Refused
from evergreen.research.registered import serving_manifest
from evergreen.workspace import Workspace


def is_told_here(at: Workspace) -> bool:
    """Whether this machine has what a request is looked at by: a client of a team's servers has no copy of models."""
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    return rollout is None or at.model_folder(rollout.champion).is_dir()


def usual_aim(at: Workspace, target: str = "", horizon: int | None = None) -> Aim:
    """What a training aims at: as it was chosen, else the setting's target at the champion's horizon.

    The first model of a home has the horizon of the settings.
    """
    manifest = serving_manifest(at)
    return Aim(target or at.settings.target, horizon or (manifest.horizon if manifest else at.settings.horizon))


def renewing_learner(at: Workspace) -> str:
    """The champion's learner, if one of ours made it: a retraining renews its recipe unless another is named."""
    manifest = serving_manifest(at)
    ours = set(learner_names()) - {"random_walk"}
    return manifest.kind if manifest is not None and manifest.kind in ours else ""


def require_askable(at: Workspace, choices: TrainingChoices) -> None:
    """Pass if a training by these choices can end well as far as the records of the installation tell.

    Raises:
        BadSetting: no such learner or target.
        BadInput: a learner that cannot be used or not be searched for, a seed that is none, or another aim than the
            champion's.
        Refused: too short a history.
    """
    from evergreen.core.model.tuning import require_tunable

    config = choices.config()
    named_target(choices.target)
    if choices.learner:
        learner(choices.learner)
    if choices.tuning_budget and (name := choices.learner or renewing_learner(at)):
        require_tunable(name)
    require_same_aim(at, choices.aim)
    with reading(at.engine) as conn:
        session = ledger.clock(conn, at.settings.model_name)
    if session is not None:  # before there are any bars the backfill is what is asked for
        require_history(at, session, config)


def require_challenger(at: Workspace, run_id: str) -> None:
    """Pass if a run of MLflow has a model that can be compared with the champion's.

    Raises:
        NotFound: no such run.
        Broken: it has not ended, or no training was logged as it.
        BadInput: it forecasts something else than the champion.
    """
    with TemporaryDirectory() as folder:
        require_same_aim(at, read_manifest(at.tracking.fetch_run(run_id, Path(folder))).aim)


def require_same_aim(at: Workspace, aim: Aim) -> None:
    """Pass if a model of this aim can follow the champion: only forecasts of one outcome can be compared.

    The random walk may be followed at another horizon, for it says 0 at any. Not in another target: clients who were
    told prices would be told something else.

    Raises:
        BadInput: it cannot.
    """
    manifest = serving_manifest(at)
    if manifest is None or manifest.aim == aim:
        return
    if manifest.kind == "random_walk" and manifest.target == aim.target:
        return
    own = f"EVERGREEN_HOME, EVERGREEN_TARGET={aim.target}, EVERGREEN_HORIZON={aim.horizon}"
    raise BadInput(
        f"The champion forecasts {manifest.aim.phrase}, a model of {aim.phrase} cannot be compared with it.",
        f"Give it a home of its own: {own}.",
    )


def require_history(at: Workspace, as_of: str, config: TrainingConfig) -> None:
    """Pass if the bars up to a session are enough for a training that the gate can judge.

    Raises:
        Refused: they are not, which is the state of things and nobody's mistake.
    """
    judged = at.settings.delivery_policy().gate or GatePolicy()
    judgeable = -(-judged.min_sessions // config.test_size)  # with fewer folds the gate cannot judge it
    needed, least = (_fewest(config, folds) for folds in (min(config.folds, judgeable), 1))
    there = int((at.bars.sessions() <= pd.Timestamp(as_of)).sum())
    if there < needed:
        shorter = (
            "; `evergreen retrain --reason short --folds 1` has enough, for a model that the gate cannot admit yet"
        )
        raise Refused(
            f"A training needs {needed} sessions, {there} are stored up to {as_of}: {needed - there} are missing.",
            f"Bring a longer history (`evergreen backfill`){shorter if there >= least else ''}.",
        )


def _fewest(config: TrainingConfig, folds: int) -> int:
    """Sessions with bars that so many folds need; the last `horizon` have no label yet."""
    return config.horizon + fewest_sessions(folds, config.test_size, config.horizon, config.embargo, config.min_train)
