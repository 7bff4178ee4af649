"""A connection to a Dask scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evergreen.errors import Unavailable

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 20.0  # seconds to reach the scheduler: it answers in under one, or is not there


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of the scheduler at `address` that has at least one worker.

    Raises:
        Unavailable: no answer, or no worker.
    """
    from distributed import Client, TimeoutError

    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, TimeoutError, ValueError) as error:
        raise Unavailable(
            f"The Dask scheduler at {address} did not answer: {error}.",
            "Start it with `dask scheduler`, or clear EVERGREEN_DASK_ADDRESS to compute here.",
        ) from None
    with client:
        if not client.ncores():
            raise Unavailable(f"The Dask scheduler at {address} has no worker.", f"Type `dask worker {address}`.")
        yield client
