"""A model's first answers, in a process of its own: a parser may crash or hang on a file, the service not."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evergreen.errors import ModelRefused

if TYPE_CHECKING:
    from evergreen.core.model.manifest import Manifest

HEAVY = ("pandas", "sklearn", "dask", "matplotlib", "pyarrow")  # optional to the kinds built in, and 1.5 s to import
SECONDS = 20.0  # a child needs two to import what reads the model, and answer; a busy machine ten times that


def prove(version: str, content: bytes, manifest: Manifest) -> None:
    """Let a child process parse the model and repeat its golden forecasts, before this one parses it.

    What has answered once is not asked again by this process.

    Raises:
        ModelRefused: the child died, ran out of time, or answered something else than was recorded.
    """
    golden = io.BytesIO()
    np.save(golden, manifest.golden_matrix())
    try:
        forecasts = _answers(manifest.kind, content, golden.getvalue())
    except subprocess.TimeoutExpired:
        raise _refused(version, f"did not answer its golden batch within {SECONDS:g} s") from None
    except subprocess.CalledProcessError as died:
        raise _refused(version, f"ended the process that tried it: {_last_words(died)}") from None
    recorded = np.asarray(manifest.golden_outputs, dtype=np.float64)
    if forecasts != recorded.tobytes():
        raise _refused(version, "does not repeat the golden forecasts recorded with it")


@lru_cache(maxsize=16)
def _answers(kind: str, content: bytes, golden: bytes) -> bytes:
    """The forecasts as float64 bytes; a failure is not remembered."""
    command = [sys.executable, "-m", "evergreen.service.proving", kind]
    threads = os.environ | {"OMP_NUM_THREADS": "1"}
    child = subprocess.run(
        command, input=golden + content, env=threads, capture_output=True, timeout=SECONDS, check=True
    )
    return child.stdout


def _last_words(died: subprocess.CalledProcessError) -> str:
    if died.returncode < 0:
        return signal.strsignal(-died.returncode) or f"signal {-died.returncode}"
    words: str = died.stderr.decode(errors="replace").strip()
    return words.rpartition("\n")[2][:300] or f"exit {died.returncode}"


def _refused(version: str, what: str) -> ModelRefused:
    return ModelRefused(
        f"Model {version} {what}.", "Fetch it again from the registry with `evergreen reconcile`, or roll back."
    )


def _answer() -> None:
    """The child: golden rows and the model come in on standard input, forecasts go out."""
    from evergreen.core.model.protocol import forecast
    from evergreen.core.model.registry import BUILT_IN, READERS, read_model

    kind = sys.argv[1]
    for name in HEAVY if kind in (*BUILT_IN, *READERS) else ():
        sys.modules[name] = None  # type: ignore[assignment]
    sent = io.BytesIO(sys.stdin.buffer.read())
    golden: NDArray[np.float32] = np.load(sent, allow_pickle=False)
    sys.stdout.buffer.write(forecast(read_model(kind, sent.read()), golden).tobytes())


if __name__ == "__main__":
    _answer()
