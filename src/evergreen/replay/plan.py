"""What is to be replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from evergreen.core.bars.session import iso
from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.registry import learner
from evergreen.core.model.targets.registry import named_target
from evergreen.core.policy import Policy, choose
from evergreen.errors import BadInput
from evergreen.replay.breaks import Break
from evergreen.settings.policies import known_policies


@dataclass(frozen=True)
class Replay:
    """What is to be replayed.

    Attributes:
        bars: a file, a folder, or the name of a source.
        start, end: the first and the last session walked; the history before `start` trains the first model.
        policies: those compared, by name.
        out: the folder of the results; kept models lie below it.
        calendar: the exchange of the files; empty: the source's own, of files XNYS.
        horizon: sessions ahead.
        target: what is forecast, by name.
        seed: of the training and of the breaks.
        train_sessions: most sessions a model is fitted on, as the setting of live training; 0: all there are.
        breaks: what goes wrong on purpose.
        workers: processes.
        dask_address: of a scheduler whose workers see `out` and walk in place of processes here; empty: none.
        tickers: of the bars; all of them when empty.
        learner: what fits the models, by name; empty: what suits so many tickers.
        config: of the training; by default what live training takes for so many tickers.

    Raises:
        BadInput: choices that nothing can be walked by.
        BadSetting: no such learner or target.
    """

    bars: str
    start: pd.Timestamp
    end: pd.Timestamp
    policies: tuple[Policy, ...]
    out: Path
    calendar: str = ""
    horizon: int = 1
    seed: int = 7
    train_sessions: int = 0
    breaks: tuple[Break, ...] = ()
    workers: int = 1
    dask_address: str = ""
    tickers: tuple[str, ...] = ()
    config: TrainingConfig | None = None
    target: str = "return"
    learner: str = ""

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise BadInput(f"{iso(self.end)} is not after {iso(self.start)}.", "Give --from before --to.")
        if not self.policies:
            raise BadInput("no policy is to be walked.", "Name one or more.")
        if self.workers < 1:
            raise BadInput(f"{self.workers} workers walk nothing.", "Give 1 or more.")
        names = [broken.name for broken in self.breaks]
        if twice := [name for name in names if names.count(name) > 1]:
            raise BadInput(f"the break {twice[0]} is asked for twice.", "Give each once.")
        TrainingConfig(horizon=self.horizon, seed=self.seed, train_sessions=self.train_sessions)
        learner(self.learner or TrainingConfig.learner)
        named_target(self.target)

    @property
    def cache(self) -> Path:
        """Where factors and models are kept for the next replay."""
        return self.out / "cache"


def shipped(names: Sequence[str], file: Path | None = None) -> tuple[Policy, ...]:
    """The policies of these names: of a file of one's own, or those that Evergreen ships.

    Raises:
        BadSetting: no such policy, or a file that cannot be read as policies.
    """
    known = known_policies(file)
    return tuple(choose(known, name) for name in dict.fromkeys(names))
