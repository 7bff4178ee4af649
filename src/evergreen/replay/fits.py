"""Fitted models kept by content: one fit for every policy, fold and record that wants it."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.protocol import Fit, FitsAtWill, Learner
from evergreen.core.model.registry import learner
from evergreen.replay.market import Market

FORMAT = 2  # of a kept fit; a change of what training does must raise it
MOST_BYTES = 4_000_000_000  # on disk
AT_HAND = 48  # fits in memory: what one record and a few champions take


class Fits:
    """The models of a market under one configuration, by the number of labelled sessions each knows.

    A fit is made once, by whichever process asks first, and kept in `folder`; its name is the content it was made
    from. The oldest files go when all of them together exceed `most_bytes` (`prune`).
    """

    def __init__(self, market: Market, config: TrainingConfig, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.market, self.config = market, config
        self.folder, self._most_bytes = folder, most_bytes
        self._recent = lru_cache(AT_HAND)(self._load)
        folder.mkdir(parents=True, exist_ok=True)

    def before(self, stop: int) -> Fit:
        """The model of the first `stop` labelled sessions."""
        return self._recent(stop)

    def of(self, stops: Sequence[int]) -> list[Fit]:
        """The models of the first so many sessions each; what another process makes just now is waited for last."""
        self.make(stops)
        return [self.before(stop) for stop in stops]

    def make(self, stops: Sequence[int]) -> None:
        """Those of the models that are not there, but for what another process makes just now."""
        for stop in stops:
            with suppress(Timeout):
                self._make(stop, wait=0)

    def _load(self, stop: int) -> Fit:
        self._make(stop)
        return self._read(self._path(stop))

    def _make(self, stop: int, wait: float = -1) -> None:
        """Make a fit that is not there; `wait` seconds for another process that is at it, by default until its end."""
        path = self._path(stop)
        if not path.exists():
            with FileLock(path.with_suffix(".lock"), wait):
                if not path.exists():
                    _write(path, self._fitter(stop))

    def _path(self, stop: int) -> Path:
        return self.folder / f"{self.key(stop)}.npz"

    def has(self, stop: int) -> bool:
        """Whether it is made already."""
        return self._path(stop).exists()

    def key(self, stop: int) -> str:
        """The name of a fit: what it is made from."""
        facts = {"format": FORMAT, "market": self.market.digest, "config": asdict(self.config), "stop": stop}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]

    @cached_property
    def _learner(self) -> Learner:
        return learner(self.config.learner)

    @cached_property
    def _fitter(self) -> Callable[[int], Fit]:
        panel, config, made_by = self.market.panel, self.config, self._learner
        if isinstance(made_by, FitsAtWill):
            return made_by.fitter(panel, config)
        return lambda stop: next(iter(made_by.fits(panel, [stop], config)))

    def _read(self, path: Path) -> Fit:
        os.utime(path)
        with np.load(path, allow_pickle=False) as stored:
            rounds, tail_start = stored["numbers"].tolist()
            model = self._learner.read(stored["text"].tobytes())
            return Fit(model, rounds, tail_start, stored["residuals"])

    def prune(self) -> int:
        """Remove the fits that were used longest ago, beyond `most_bytes`; how many."""
        files = sorted(self.folder.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
        sizes = np.cumsum([path.stat().st_size for path in files])
        old = [path for path, size in zip(files, sizes, strict=True) if size > self._most_bytes]
        losses = [self.folder / "losses" / f"{path.stem}.npy" for path in old]
        for path in (*old, *losses, *self.folder.glob("*.lock")):
            path.unlink(missing_ok=True)
        return len(old)


def _write(path: Path, fit: Fit) -> None:
    buffer = io.BytesIO()
    text = np.frombuffer(fit.model.to_bytes(), dtype=np.uint8)
    np.savez_compressed(
        buffer, text=text, residuals=fit.tail_residuals, numbers=np.array([fit.rounds, fit.tail_start], np.int64)
    )
    aside = path.with_suffix(f".{os.getpid()}.part")
    aside.write_bytes(buffer.getvalue())
    aside.replace(path)
