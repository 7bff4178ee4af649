"""On a real Dask cluster of two worker processes: the same factors to the bit, the same skill within a tolerance."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.cluster import alpha158_on, learner_for
from evergreen.adapters.cluster.client import connected
from evergreen.adapters.cluster.factors import partitions
from evergreen.adapters.cluster.shares import BINS, Shares, dealt, shared
from evergreen.core.dataset.panel import labelled_panel
from evergreen.core.features import alpha158
from evergreen.core.market import simulate
from evergreen.core.model.fitting import best_rounds
from evergreen.core.model.lightgbm_learner import LightGBMLearner
from evergreen.core.model.training import TrainingConfig, train, training_frame
from evergreen.errors import Unavailable

if TYPE_CHECKING:
    from distributed import LocalCluster, Worker

pytestmark = pytest.mark.xdist_group("cluster")

TOLERANCE = 0.02  # of RankIC, whose standard error over these 100 sessions of 40 tickers is about 0.016
FEATURES = 12


def two_workers() -> LocalCluster:
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=2, threads_per_worker=1, memory_limit="2GiB", dashboard_address="127.0.0.1:0", host="127.0.0.1"
    )


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with two_workers() as cluster:
        yield str(cluster.scheduler_address)


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return simulate(40, 504, seed=11)


def learnable() -> pd.DataFrame:
    """A training set of 40 tickers and 500 sessions whose label follows its first feature."""
    rng = np.random.default_rng(5)
    sessions = pd.bdate_range("2015-01-05", periods=500).as_unit("us")
    index = pd.MultiIndex.from_product([[f"T{i:02d}" for i in range(40)], sessions], names=["ticker", "session"])
    values = rng.standard_normal((len(index), FEATURES)).astype(np.float32)
    features = pd.DataFrame(values, index=index, columns=[f"F{i}" for i in range(FEATURES)])
    noise = rng.standard_normal(len(index))
    return training_frame(features, pd.Series(0.01 * (0.2 * features["F0"] + noise), index=index))


def test_alpha158_on__equals_alpha158_to_the_bit(address: str, bars: pd.DataFrame) -> None:
    here, there = alpha158(bars), alpha158_on(address, partition_bars=5_000)(bars)
    pd.testing.assert_index_equal(there.index, here.index)
    assert there.to_numpy().tobytes() == here.to_numpy().tobytes()


def test_partitions__keep_tickers_whole_and_in_order(bars: pd.DataFrame) -> None:
    parts = partitions(bars.sample(frac=1.0, random_state=1), 2_000)
    tickers = [sorted(part["ticker"].unique()) for part in parts]
    assert len(parts) > 5 and [name for part in tickers for name in part] == sorted(bars["ticker"].unique())


@pytest.mark.parametrize(("name", "ranked"), [("lightgbm", False), ("lightgbm", True), ("averaged_lightgbm", True)])
def test_learner_for__learns_on_two_workers_what_one_process_learns(address: str, name: str, ranked: bool) -> None:
    rows = learnable()
    sizes = {"folds": 2, "test_size": 50, "min_train": 250, "validation_size": 60}
    config = TrainingConfig(**sizes, learner=name, rounds=60, patience=20, ranked=ranked)
    here, there = train(rows, config), train(rows, config, learner=learner_for(name, address))
    assert here.metrics["rank_ic"] > 0.1
    assert there.metrics["rank_ic"] == pytest.approx(here.metrics["rank_ic"], abs=TOLERANCE)
    assert there.metrics["loss"] == pytest.approx(here.metrics["loss"], rel=0.01)
    assert there.model.to_bytes() != here.model.to_bytes()  # it was not this process that fitted


def test_shares__every_row_lies_with_one_worker_in_whichever_fit() -> None:
    shares = Shares({"a": 1, "b": 1}, "folder", np.array([0, 10, 20, 30, 40, 45]), 3, {})
    for stop in (15, 25, 45):
        rows = np.concatenate([dealt(shares, np.arange(stop), worker) for worker in shares.workers])
        assert sorted(rows) == list(range(stop))
    assert dealt(shares, np.arange(25), "b").tolist() == list(range(10, 20))


def test_shares__leave_nothing_on_the_workers(address: str) -> None:
    panel = labelled_panel(learnable())
    with connected(address) as client:
        with shared(client, panel, 5_000, 20_000, TrainingConfig()) as shares:
            stored = client.run(names_in, shares.folder)
            assert all({BINS} < names for names in stored.values())
            assert len(set.union(*stored.values())) == len(shares.edges)
        assert not any(client.run(names_in, shares.folder).values())


def names_in(folder: str, dask_worker: Worker) -> set[str]:
    """Files of a folder on a worker."""
    return {path.name for path in Path(dask_worker.local_directory, folder).glob("*")}


def test_learner_for__without_an_address_is_this_machine() -> None:
    assert type(learner_for("lightgbm", "")) is LightGBMLearner
    for name in ("ridge", "averaged_lightgbm"):
        assert learner_for(name, "tcp://127.0.0.1:9").name == learner_for(name, "").name == name


def test_cluster__a_scheduler_that_does_not_answer_is_one_sentence(
    bars: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.adapters.cluster.client.PATIENCE", 1.0)
    with pytest.raises(Unavailable, match="did not answer"):
        alpha158_on("tcp://127.0.0.1:9")(bars)


def test_learner_for__a_worker_lost_in_a_fit_is_worth_a_retry() -> None:
    endless = TrainingConfig(folds=1, test_size=50, min_train=250, validation_size=60, rounds=100_000, patience=0)
    with two_workers() as cluster:
        lost = Timer(2.0, os.kill, (cluster.workers[1].pid, signal.SIGKILL))
        lost.start()
        with pytest.raises(Unavailable, match="did not finish a fit"):
            train(learnable(), endless, learner=learner_for("lightgbm", str(cluster.scheduler_address)))
        lost.join()


def test_best_rounds__stops_where_early_stopping_would() -> None:
    losses = [5.0, 4.0, 3.0, 3.5, 3.6, 3.7, 1.0]
    assert best_rounds(losses, patience=3) == 3
    assert best_rounds(losses, patience=4) == 7
    assert best_rounds([2.0], patience=1) == 1
