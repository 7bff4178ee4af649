"""What runs on a worker: its share, from disk into bins, and one fit together with the others."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from evergreen.adapters.cluster.shares import BINS, Shares, home
from evergreen.core.model.booster import to_text

WAIT = 5  # minutes that workers wait for each other to begin


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def meeting(ports: Mapping[str, int], worker: str) -> dict[str, object]:
    """LightGBM's parameters for a worker to find the others; none when it is alone."""
    if len(ports) == 1:
        return {}
    machines = ",".join(f"{urlsplit(address).hostname}:{port}" for address, port in ports.items())
    network = {"machines": machines, "num_machines": len(ports), "local_listen_port": ports[worker], "time_out": WAIT}
    return network | {"tree_learner": "data"}


def train_share(
    shares: Shares, worker: str, stop: int, settings: Mapping[str, object], rounds: int, label: NDArray[np.float64]
) -> str:
    """The model of all workers' rows before row `stop`, as text; `label` has those of this worker's rows."""
    here = home(shares)
    bins = lgb.Dataset(str(here / BINS), params=dict(shares.binning))
    blocks = [
        _Block(here / str(number), rows.stop - rows.start, shares.features) for number, rows in shares.of(worker, stop)
    ]
    own = lgb.Dataset(blocks, label, reference=bins, params=dict(shares.binning)).construct()
    booster = lgb.train(dict(settings), own, num_boost_round=rounds)
    booster.free_network()
    return to_text(booster)


class _Block(lgb.Sequence):  # type: ignore[misc]  # of an untyped package
    """Rows of a file of float32, read where LightGBM asks."""

    batch_size = 16_384

    def __init__(self, path: Path, rows: int, features: int) -> None:
        self._path, self._rows, self._features = path, rows, features

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, place: slice) -> NDArray[np.float32]:
        start, stop, _ = place.indices(self._rows)
        count, offset = (stop - start) * self._features, 4 * start * self._features
        return np.fromfile(self._path, np.float32, count, offset=offset).reshape(-1, self._features)
