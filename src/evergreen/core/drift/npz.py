"""Arrays to bytes and back: compressed, without pickle, the same bytes for the same arrays."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evergreen.errors import Broken


def pack(**arrays: NDArray[Any]) -> bytes:
    """The arrays as one compressed .npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(stored: bytes, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """The arrays called `names` out of what `pack` wrote.

    Raises:
        Broken: it is not that, or one of them is missing.
    """
    try:
        with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names}
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise Broken(
            f"stored drift data cannot be read: {error}.",
            "Rebuild it from the training features and profiles.",
        ) from None
