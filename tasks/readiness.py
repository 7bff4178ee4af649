"""What a training needs, looked at before it starts: hours later the same would be said in worse words."""

from __future__ import annotations

import shutil

from evergreen.adapters.database.requests import RetrainRequest
from evergreen.core.model.choices import TrainingChoices
from evergreen.errors import Refused
from evergreen.research.retrainings import require_history, require_same_aim
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect

COPIES = 4  # of the training set on disk: the join's, its file, what the notebook writes and what MLflow keeps of it
NUMBER = 4  # bytes of a factor's float32
SPARE = 200_000_000  # bytes: the models, the notebook's page, and room for the databases meanwhile


@effect
def require_trainable(request: RetrainRequest, choices: TrainingChoices) -> None:
    """Pass if a training can end well as far as can be known before it starts.

    Raises:
        Refused: the experiment was deleted, the disk is too full, or the history is too short.
        BadInput: the champion forecasts something else.
        Unavailable: MLflow does not answer.
    """
    at = workspace()
    at.tracking.require_active()
    _require_disk(at)
    if "run_id" not in request.evidence:  # a finished run was trained already, and says itself what it forecasts
        require_same_aim(at, choices.aim)
        require_history(at, request.as_of, choices.config())


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
