"""What a learner and a model are, for whoever brings another: `core.model.registry` finds them by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from evergreen.errors import BadInput

if TYPE_CHECKING:  # a served model is parsed in a process that has no pandas
    from evergreen.core.dataset.panel import Panel
    from evergreen.core.model.config import TrainingConfig

Rows = NDArray[np.float32]
Codes = NDArray[np.intp]
Forecasts = NDArray[np.float64]


class Model(Protocol):
    """A fitted model. Rows of features have the columns of `features`; NaN is a value."""

    @property
    def kind(self) -> str:
        """The name of the learner that reads it back."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns it reads, in order."""

    @property
    def width(self) -> int:
        """Columns of prepared rows."""

    def prepare(self, rows: Rows, session: Codes) -> Rows:
        """What `predict` is given [rows x width], made from all rows of each session.

        Here, and nowhere else, may a row depend on the others of its session (a rank among all tickers, say): the
        training, the service and `reproduce` all come through here.

        Args:
            rows: rows x features, of one session or several.
            session: a number for the session of each row.
        """

    def predict(self, prepared: Rows, num_threads: int = 1) -> Forecasts:
        """Forecast log return of each prepared row by itself: equal rows give equal bits, in however many."""

    def importance(self) -> Forecasts | None:
        """What each feature counts for, not negative, in units of its own; None where that means nothing."""

    def to_bytes(self) -> bytes:
        """The whole model as text in UTF-8, which `Learner.read` parses without running code of it. Never pickle."""


@dataclass(frozen=True)
class Fit:
    """A model of the first sessions of a panel, and the residuals of its purged validation tail."""

    model: Model
    rounds: int  # steps of the fit, where the learner takes any
    tail_start: int  # session number at which the validation tail begins
    tail_residuals: NDArray[np.float64]


class Reader(Protocol):
    """What reads models of one kind back."""

    @property
    def name(self) -> str:
        """What it is registered as; the `kind` of its models."""

    @property
    def title(self) -> str:
        """What its models are called in a sentence."""

    def read(self, content: bytes) -> Model:
        """The model that `Model.to_bytes` wrote; the content is already verified.

        Raises:
            ModelRefused: it is not one of this kind.
        """


class Learner(Reader, Protocol):
    """What also makes models of its kind. `config` holds its choices beside those of the folds."""

    def fits(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
        """A model of the sessions before each of the increasing numbers `stops`, none of which sees a later session.

        All folds at once, so that what they share is made once.
        """


@runtime_checkable
class FitsAtWill(Protocol):
    """A learner besides, whose fits of one panel share what they are made on though they are wanted one by one."""

    def fitter(self, panel: Panel, config: TrainingConfig) -> Callable[[int], Fit]:
        """What gives the model of the sessions before any number, in any order; each as `Learner.fits` would."""


def forecast(model: Model, rows: Rows, session: Codes | None = None, num_threads: int = 1) -> Forecasts:
    """Forecasts of all rows of some sessions; without `session` they are all of one."""
    codes = np.zeros(len(rows), dtype=np.intp) if session is None else session
    return model.predict(model.prepare(rows, codes), num_threads)


def require_width(matrix: NDArray[np.floating], width: int) -> None:
    """Refuse what is not a matrix of that many columns.

    Raises:
        BadInput: it is not.
    """
    if matrix.ndim != 2 or matrix.shape[1] != width:
        raise BadInput(
            f"a matrix of shape {matrix.shape} was offered to a model of {width} features.",
            "Give rows x features in the order of the model's manifest.",
        )
