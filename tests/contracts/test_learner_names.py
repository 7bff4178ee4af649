"""Every file that names LightGBM, with what for: any other module knows a learner by its registered name alone."""

from __future__ import annotations

import re

from evergreen.workspace import REPOSITORY

ROOTS = ("src", "tasks", "flows", "feature_repo", "notebooks")
LEARNER = "it fits or reads a booster"
CHOICE = "it names a learner that may be chosen"
NAMED = {
    "src/evergreen/core/model/averaged_lightgbm.py": LEARNER,
    "src/evergreen/core/model/booster.py": LEARNER,
    "src/evergreen/core/model/config.py": LEARNER,
    "src/evergreen/core/model/fitting.py": LEARNER,
    "src/evergreen/core/model/lightgbm_datasets.py": LEARNER,
    "src/evergreen/core/model/lightgbm_learner.py": LEARNER,
    "src/evergreen/core/model/ranked_lightgbm.py": LEARNER,
    "src/evergreen/core/model/tuning.py": LEARNER,
    "src/evergreen/adapters/cluster/fits.py": LEARNER,
    "src/evergreen/adapters/cluster/shares.py": LEARNER,
    "src/evergreen/adapters/cluster/worker.py": LEARNER,
    "src/evergreen/core/model/blend.py": CHOICE,
    "src/evergreen/core/model/breadth.py": CHOICE,
    "src/evergreen/core/model/registry.py": CHOICE,
    "src/evergreen/cli/runs.py": CHOICE,
    "flows/retrain.py": CHOICE,
    "notebooks/train.ipynb": CHOICE,
    "notebooks/sweep.ipynb": CHOICE,
    "src/evergreen/core/model/random_walk.py": "before it was a model of its own it was kept as a booster",
    "src/evergreen/adapters/database/migrations/versions/0001_first_tables.py": "kinds were a list once",
    "src/evergreen/adapters/database/migrations/versions/0010_any_learner.py": "it takes that list away",
    "src/evergreen/core/model/ridge.py": "a comment",
    "src/evergreen/adapters/infra/pool.py": "a comment",
}


def test_lightgbm__is_named_where_it_is_fitted_or_chosen_and_nowhere_else() -> None:
    files = [path for root in ROOTS for end in ("py", "ipynb") for path in (REPOSITORY / root).rglob(f"*.{end}")]
    naming = {
        path.relative_to(REPOSITORY).as_posix()
        for path in files
        if ".ipynb_checkpoints" not in path.parts and re.search("lightgbm|booster", path.read_text(), re.IGNORECASE)
    }
    assert naming == set(NAMED)
