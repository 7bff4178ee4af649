"""The peer of retrain.py and learners.py, run by an interpreter that has pyqlib: its own workflow on the same bars."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import pandas as pd
from alpha158_qlib import store

# Qlib's published parameters: examples/benchmarks/LightGBM/workflow_config_lightgbm_Alpha158.yaml
MODEL = {
    "loss": "mse",
    "colsample_bytree": 0.8879,
    "learning_rate": 0.2,
    "subsample": 0.8789,
    "lambda_l1": 205.6999,
    "lambda_l2": 580.9768,
    "max_depth": 8,
    "num_leaves": 210,
    "num_threads": 2,
}
Segments = dict[str, tuple[str, str]]
SEGMENTS: Segments = {
    "train": ("2013-02-08", "2016-06-30"),
    "valid": ("2016-07-01", "2016-12-31"),
    "test": ("2017-01-01", "2018-02-07"),
}


def handler(horizon: int, windows: list[Segments]) -> dict[str, object]:
    """Alpha158 with the label of the benchmark and Qlib's usual processors, none of which is fitted on sessions."""
    first, last = windows[0]["train"], windows[-1]["test"]
    settings = {
        "start_time": first[0],
        "end_time": last[1],
        "fit_start_time": first[0],
        "fit_end_time": first[1],
        "instruments": "all",
        "label": [f"Ref($close, -{horizon}) / $close - 1"],
    }
    return {"class": "Alpha158", "module_path": "qlib.contrib.data.handler", "kwargs": settings}


def main() -> None:
    """argv: bars, where the forecasts go, a folder to work in, the horizon, other windows than SEGMENTS as JSON."""
    bars, target, folder, horizon, *given = sys.argv[1:]
    windows: list[Segments] = json.loads(given[0]) if given else [SEGMENTS]
    store(pd.read_parquet(bars), Path(folder, "qlib"))
    start = time.perf_counter()

    import qlib
    from qlib.utils import init_instance_by_config
    from qlib.workflow import R
    from qlib.workflow.record_temp import SigAnaRecord, SignalRecord

    qlib.init(provider_uri=str(Path(folder, "qlib")), region="us", expression_cache=None, dataset_cache=None)
    factors, by_window = init_instance_by_config(handler(int(horizon), windows)), []
    for segments in windows:
        split = {"handler": factors, "segments": segments}
        dataset = init_instance_by_config({"class": "DatasetH", "module_path": "qlib.data.dataset", "kwargs": split})
        learner = {"class": "LGBModel", "module_path": "qlib.contrib.model.gbdt", "kwargs": MODEL}
        model = init_instance_by_config(learner)
        with R.start(experiment_name="retrain", uri=f"sqlite:///{Path(folder, 'mlflow.db')}"):
            model.fit(dataset)
            R.save_objects(**{"model.pkl": model})
            SignalRecord(model, dataset, R.get_recorder()).generate()
            SigAnaRecord(R.get_recorder()).generate()
            by_window.append(R.get_recorder().load_object("pred.pkl"))
    forecasts, seconds = pd.concat(by_window), time.perf_counter() - start
    forecasts.reset_index().set_axis(["session", "ticker", "forecast"], axis=1).to_parquet(target)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    figures = {"seconds": seconds, "gigabytes": max(each.ru_maxrss for each in used) / 1e6}
    print(json.dumps(figures | {"cpu": sum(each.ru_utime + each.ru_stime for each in used)}))


if __name__ == "__main__":
    main()
