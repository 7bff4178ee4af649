"""Our side of retrain.py, a process of its own: bars in, a registered model and its forecasts out."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import pandas as pd

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "train.ipynb"


def training_set(bars: Path, horizon: int, target: Path) -> None:
    """Features and labels as the notebook takes them."""
    import pyarrow as pa

    from evergreen.adapters.models.training_file import write_training_set
    from evergreen.core.dataset.labels import forward_return
    from evergreen.core.features import alpha158

    rows = pd.read_parquet(bars)
    pa.default_memory_pool().release_unused()
    write_training_set(alpha158(rows), forward_return(rows, horizon), target)


def main() -> None:
    """argv: bars, a folder to work in, the horizon, sessions of validation, sessions of test."""
    given, folder, horizon, validation, test = sys.argv[1:]
    start, work = time.perf_counter(), Path(folder)
    training_set(Path(given), int(horizon), work / "set.parquet")

    from evergreen.adapters.infra.preload import importing
    from evergreen.adapters.notebooks.papermill import run_notebook, to_html
    from evergreen.core.model.breadth import BROAD

    parameters = {"training_set": str(work / "set.parquet"), "as_of": "2018-02-07", "horizon": int(horizon)}
    parameters |= {"folds": 1, "test_size": int(test), "validation_size": int(validation), "output": str(work / "run")}
    with importing("evergreen.adapters.mlflow.tracking"):
        executed = run_notebook(NOTEBOOK, parameters | BROAD | {"num_threads": 2}, work / "train.ipynb", timeout=1500)
    from evergreen.adapters.mlflow.registry import Registry
    from evergreen.adapters.mlflow.tracking import Tracking
    from evergreen.adapters.models.folder import read_run_id, sha256s

    uri = f"sqlite:///{work / 'home' / 'mlflow.db'}"
    tracking, registry = Tracking(uri), Registry(uri)
    run_id = read_run_id(work / "run")
    tracking.attach(run_id, [executed, to_html(executed)])
    registry.register("evergreen", run_id, {})
    tracking.download(run_id, work / "served", sha256s(work / "run"))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    figures = {"seconds": time.perf_counter() - start, "gigabytes": max(each.ru_maxrss for each in used) / 1e6}
    print(json.dumps(figures | {"cpu": sum(each.ru_utime + each.ru_stime for each in used)}))


if __name__ == "__main__":
    main()
