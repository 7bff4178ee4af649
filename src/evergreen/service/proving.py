"""A model at work in a process of its own: what parses or forecasts there may crash or hang, the service not."""

from __future__ import annotations

import io
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evergreen.errors import ModelRefused

if TYPE_CHECKING:
    from evergreen.core.model.manifest import Manifest
    from evergreen.core.model.protocol import Codes, Forecasts, Rows

Array = NDArray[Any]

LENGTH = struct.Struct("<Q")
HEAVY = ("pandas", "sklearn", "dask", "matplotlib", "pyarrow")  # optional to the kinds built in, and 1.5 s to import
SECONDS = 20.0  # a child needs two to import LightGBM and answer; a busy machine ten times that
FORECAST_SECONDS = 5.0  # 5,000 tickers, each twice, take a sound model half a second
ORPHANED = 60  # seconds at one question: whoever asked is gone, and nobody else ends what hangs
IDLE = 60.0  # seconds; then the child goes, with its 60 MB, until the next features come
KEPT = 4  # champion, challenger, the champion before, and one that is on its way


class ModelProcess:
    """A child process that has parsed one model, repeated its golden forecasts, and answers for whole universes.

    It goes after `IDLE` seconds without work and is started again for the next.
    """

    def __init__(self, version: str, content: bytes, manifest: Manifest) -> None:
        self._version = version
        self._manifest = manifest
        self._content = np.frombuffer(content, dtype=np.uint8)
        self._child: subprocess.Popen[bytes] | None = None
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this
        self._lock = threading.Lock()

    def prove(self) -> None:
        """Have the model answer its golden rows, unless it has.

        Raises:
            ModelRefused: the child died or ran out of time, the answers are not those recorded, or the model reads
                other features than its manifest names.
        """
        with self._lock:
            self._running()

    def forecast(self, rows: Rows, session: Codes) -> Forecasts:
        """Forecasts of all rows of some sessions, once together and once one by one: equal to the bit.

        Raises:
            ModelRefused: as `prove`, or the two ways differ.
        """
        with self._lock:
            child, limit = self._running(), FORECAST_SECONDS
            together, one_by_one = self._ask(child, "the newest features", limit, rows, session)
        if together.shape != (len(rows),) or together.tobytes() != one_by_one.tobytes():
            raise self._refused("forecasts something else of many rows than of each alone")
        return np.asarray(together, dtype=np.float64)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        golden = self._manifest.golden_matrix()
        child = self._child = self._start()
        weakref.finalize(self, child.kill)
        features, forecasts = self._ask(child, "its golden batch", SECONDS, self._content, golden)
        if not len(golden) or forecasts.tobytes() != np.asarray(self._manifest.golden_outputs, np.float64).tobytes():
            raise self._ended("does not repeat the golden forecasts recorded with it")
        named = self._manifest.feature_names
        if tuple(features) != tuple(named):
            raise self._ended(
                f"has a manifest of {len(named)} features, not the {len(features)} it reads in their order"
            )
        return child

    def _start(self) -> subprocess.Popen[bytes]:
        self._words.seek(0)
        self._words.truncate(0)
        command = [sys.executable, "-m", "evergreen.service.proving", self._manifest.kind]
        threads = os.environ | {"OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=threads, stdin=pipe, stdout=pipe, stderr=self._words)

    def _ask(self, child: subprocess.Popen[bytes], about: str, limit: float, *arrays: Array) -> tuple[Array, Array]:
        """Two arrays for two arrays, within `limit` seconds; a child that gives none is dead afterwards."""
        overdue = threading.Event()
        timer = threading.Timer(limit, _end_overdue, (child, overdue))
        timer.start()
        try:
            _send(child.stdin, arrays)
            return _receive(child.stdout)
        except (OSError, EOFError, ValueError):
            child.kill()
            child.wait()
            words = f"ended the process that tried it: {self._last_words(child)}"
            raise self._ended(f"did not answer {about} within {limit:g} s" if overdue.is_set() else words) from None
        finally:
            timer.cancel()

    def _last_words(self, died: subprocess.Popen[bytes]) -> str:
        self._words.seek(0)
        words: str = self._words.read().decode(errors="replace").strip()
        if words:
            return words.rpartition("\n")[2][:300]
        number = died.returncode
        return (signal.strsignal(-number) if number < 0 else None) or f"exit {number}"

    def _ended(self, what: str) -> ModelRefused:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None
        return self._refused(what)

    def _refused(self, what: str) -> ModelRefused:
        return ModelRefused(
            f"Model {self._version} {what}.",
            "Fetch it again from the registry with `evergreen reconcile`, or roll back.",
        )


def _end_overdue(child: subprocess.Popen[bytes], overdue: threading.Event) -> None:
    overdue.set()  # first, so that whoever sees the end knows why
    child.kill()


def prove(version: str, content: bytes, manifest: Manifest) -> ModelProcess:
    """A process in which the model has repeated its golden forecasts; this one never parses it.

    What was proved once is not proved again by this process.

    Raises:
        ModelRefused: it died, ran out of time, or answered something else than was recorded.
    """
    return _proved(version, content, manifest.to_json())


@lru_cache(maxsize=KEPT)
def _proved(version: str, content: bytes, manifest: str) -> ModelProcess:
    """A failure is not remembered."""
    from evergreen.core.model.manifest import Manifest

    process = ModelProcess(version, content, Manifest.from_json(manifest))
    process.prove()
    return process


def _send(pipe: IO[bytes] | None, arrays: Sequence[Array]) -> None:
    """Each array in NumPy's format behind its length: NumPy itself cannot read from a pipe."""
    assert pipe is not None
    for array in arrays:
        written = io.BytesIO()
        np.save(written, array, allow_pickle=False)
        pipe.write(LENGTH.pack(len(written.getvalue())) + written.getvalue())
    pipe.flush()


def _receive(pipe: IO[bytes] | None) -> tuple[Array, Array]:
    return _one(pipe), _one(pipe)


def _one(pipe: IO[bytes] | None) -> Array:
    assert pipe is not None
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError("the other end is closed")
    array: Array = np.load(io.BytesIO(pipe.read(LENGTH.unpack(head)[0])), allow_pickle=False)
    return array


def _work(kind: str) -> None:
    """The child: a model and its golden rows come in, then rows of universes; forecasts go out."""
    from evergreen.core.model.protocol import forecast
    from evergreen.core.model.registry import BUILT_IN, read_model

    signal.alarm(ORPHANED)
    for name in HEAVY if kind in BUILT_IN else ():
        sys.modules[name] = None  # type: ignore[assignment]
    questions, answers = os.fdopen(0, "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no forecast
    content, golden = _receive(questions)
    model = read_model(kind, content.tobytes())
    _send(answers, (np.array(model.features, dtype=str), forecast(model, golden)))
    signal.alarm(0)
    while select.select([questions], [], [], IDLE)[0] and questions.peek(1):  # no bytes: whoever asked has gone
        signal.alarm(ORPHANED)
        prepared = np.ascontiguousarray(model.prepare(*_receive(questions)))
        one_by_one = [model.predict(prepared[[row]]) for row in range(len(prepared))]
        _send(answers, (model.predict(prepared), np.concatenate(one_by_one)))
        signal.alarm(0)


if __name__ == "__main__":
    _work(sys.argv[1])
