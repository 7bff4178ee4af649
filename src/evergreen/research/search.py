"""Candidates walked forward side by side, each logged as a run that can challenge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from evergreen.adapters.mlflow.searches import search_run
from evergreen.adapters.mlflow.tracking import Tracking
from evergreen.adapters.models.folder import write_model_folder, write_run
from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.training import train
from evergreen.errors import BadInput
from evergreen.research.panels import ResearchPanel

SHOWN = ("rank_ic", "rank_ic_lower90", "rank_ic_upper90", "rank_icir", "gain", "p_better", "sessions")


def search(
    data: ResearchPanel,
    candidates: Sequence[Mapping[str, Any]],
    tracking: Tracking,
    folder: Path,
    as_of: str,
    data_version: str = "",
    choices: Mapping[str, Any] = {},
) -> pd.DataFrame:
    """Train every candidate on the same folds and log it below one run of MLflow.

    Each is logged as one of so many that were tried: whichever challenges, the gate counts them all.

    Args:
        data: bars, features and labels.
        candidates: fields of `TrainingConfig` that differ, `learner` among them.
        tracking: where they are logged.
        folder: a folder for each is made in it.
        as_of: session the runs stand at, ISO date.
        data_version: that the bars come from.
        choices: fields of `TrainingConfig` that all have in common.

    Returns:
        A row for each candidate, the best RankIC first: what differs, `SHOWN` of its record, and `run`, its id.

    Raises:
        BadInput: no candidate, or a field that is none.
    """
    configs = [_config(data.config, {**choices, **candidate}) for candidate in candidates]
    if not configs:
        raise BadInput("a search without candidates finds nothing.", "Give one or more.")
    rows = []
    with search_run(tracking.uri, tracking.experiment, f"search of {len(configs)} {as_of}", dict(choices)) as child:
        for number, (candidate, config) in enumerate(zip(candidates, configs, strict=True), start=1):
            own, name = folder / str(number), _named(candidate)
            training = train(data.training_set, config, chosen_from=len(configs))
            write_model_folder(training, own, as_of, data_version)
            run_id = tracking.log_training(own, config.as_dict(), child, name)
            write_run(own, run_id)
            rows.append({"candidate": name} | {key: training.metrics[key] for key in SHOWN} | {"run": run_id})
    return pd.DataFrame(rows).sort_values("rank_ic", ascending=False, ignore_index=True)


def _config(base: TrainingConfig, changes: Mapping[str, Any]) -> TrainingConfig:
    known = {each.name for each in fields(TrainingConfig)} - {"horizon", "target"}  # these come with the data's labels
    if strange := sorted(set(changes) - known):
        raise BadInput(
            f"{', '.join(strange)} cannot be chosen in a training.", f"Known are {', '.join(sorted(known))}."
        )
    return replace(base, **changes)


def _named(candidate: Mapping[str, Any]) -> str:
    return " ".join(str(value) if key == "learner" else f"{key}={value}" for key, value in candidate.items())
