"""A panel's rows on the disks of a cluster's workers: each holds its share, and bins it block by block.

A worker never has more of its share in memory than one block of float32 and a byte for each value, so that a
panel may be larger than all workers' memory together.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from evergreen.core.dataset.panel import Panel
from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.lightgbm_datasets import Array, binning, bins_of

if TYPE_CHECKING:
    from distributed import Client

BLOCK_ROWS = 16_384  # 10 MB of 158 factors
BINS = "bins"


@dataclass(frozen=True)
class Shares:
    """Which rows lie where: the blocks, one row after another, are dealt to the workers in turn."""

    workers: Mapping[str, int]  # address: threads
    folder: str  # under each worker's own
    edges: NDArray[np.intp]  # rows at which the blocks begin, and the number of rows
    features: int
    binning: Mapping[str, object]  # LightGBM's parameters that the bins were made with

    def of(self, worker: str, stop: int) -> list[tuple[int, slice]]:
        """Number and rows of the blocks of a worker, as far as they lie before row `stop`."""
        numbers = range(list(self.workers).index(worker), len(self.edges) - 1, len(self.workers))
        rows = [(number, slice(int(self.edges[number]), min(int(self.edges[number + 1]), stop))) for number in numbers]
        return [(number, part) for number, part in rows if part.start < part.stop]


@contextmanager
def shared(client: Client, panel: Panel, fewest: int, stop: int, config: TrainingConfig) -> Iterator[Shares]:
    """The rows before `stop` on the workers' disks, as long as this lasts.

    Args:
        client: of the cluster.
        panel: the rows, and what the bins are chosen by: those before row `fewest`.
        fewest: rows of the smallest fit; each worker gets some of them.
        stop: rows of the largest.
        config: of the bins.
    """
    workers = dict(sorted(client.ncores().items()))
    size = max(1, min(BLOCK_ROWS, fewest // (2 * len(workers))))
    edges = np.append(np.arange(0, stop, size), stop)
    shares = Shares(workers, f"shares-{uuid4().hex}", edges, panel.matrix.shape[1], binning(config))
    try:
        bins = _saved(bins_of(panel, slice(0, fewest), config))
        for worker in workers:
            _place(client, shares, worker, BINS, bins)
        for number, (turn, (begin, end)) in enumerate(zip(cycle(workers), pairwise(edges), strict=False)):
            _place(client, shares, turn, str(number), panel.matrix[begin:end])
        yield shares
    finally:
        client.run(_forget, shares.folder)


def home(shares: Shares) -> Path:
    """The folder of this worker's blocks and of the `BINS` of all; called on the worker."""
    from distributed import get_worker

    return Path(get_worker().local_directory, shares.folder)


def sent(client: Client, worker: str, content: NDArray[Any]) -> Any:
    """A future of `content` that lies with one worker.

    Raises:
        CommClosedError: the worker is gone, which Dask tells as a missing key.
    """
    from distributed.comm import CommClosedError

    try:
        return client.scatter(content, workers=[worker], hash=False)
    except KeyError:
        raise CommClosedError(f"worker {worker} is gone") from None


def dealt(shares: Shares, values: Array, worker: str) -> Array:
    """The part of `values`, one for each of the first rows, that goes with a worker's blocks."""
    return np.concatenate([values[rows] for _, rows in shares.of(worker, len(values))])


def _place(client: Client, shares: Shares, worker: str, name: str, content: NDArray[Any]) -> None:
    """Wait for each: blocks under way are memory too."""
    placed = sent(client, worker, content)
    client.submit(_keep, shares, name, placed, workers=[worker], pure=False).result()


def _keep(shares: Shares, name: str, content: NDArray[Any]) -> None:
    home(shares).mkdir(parents=True, exist_ok=True)
    content.tofile(home(shares) / name)


def _forget(folder: str, dask_worker: Any) -> None:
    shutil.rmtree(Path(dask_worker.local_directory, folder), ignore_errors=True)


def _saved(bins: Any) -> NDArray[np.uint8]:
    """A LightGBM dataset in its own binary form."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bins")
        bins.construct().save_binary(str(path))
        return np.fromfile(path, dtype=np.uint8)
