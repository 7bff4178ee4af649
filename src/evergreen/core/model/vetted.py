"""A learner of somebody else: its own code, named where it fails, and held to what `core.model.protocol` promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evergreen.core.model.promises import require_promises
from evergreen.core.model.protocol import Codes, Fit, FitsAtWill, Forecasts, Learner, Model, Rows
from evergreen.core.registered import attributed
from evergreen.errors import BadInput, ModelRefused

if TYPE_CHECKING:
    from evergreen.core.dataset.panel import Panel
    from evergreen.core.model.config import TrainingConfig

YIELD = "Yield one for each stop."


class VettedModel:
    """A model of somebody else, whose answers have the shape they must have."""

    def __init__(self, own: Model, learner: str) -> None:
        with attributed(f"the learner {learner!r}", "when its model was asked for kind, features and width"):
            self.kind, self.features, self.width = own.kind, tuple(own.features), own.width
        self._own, self._whose = own, f"the learner {learner!r}"

    def prepare(self, rows: Rows, session: Codes) -> Rows:
        """Rows x `width`; BadInput where they are not."""
        with attributed(self._whose, "when its model prepared rows"):
            prepared = np.asarray(self._own.prepare(rows, session))
        self._require_shape(prepared, (len(rows), self.width), "prepared rows")
        return prepared

    def predict(self, prepared: Rows, num_threads: int = 1) -> Forecasts:
        """One number for each row; BadInput where there is not."""
        with attributed(self._whose, "when its model forecast"):
            forecasts = np.asarray(self._own.predict(prepared, num_threads), dtype=np.float64)
        self._require_shape(forecasts, (len(prepared),), "forecasts")
        return forecasts

    def importance(self) -> Forecasts | None:
        """One number for each feature; BadInput where there is not."""
        with attributed(self._whose, "when its model was asked for importance"):
            values = self._own.importance()
            numbers = None if values is None else np.asarray(values, dtype=np.float64)
        if numbers is not None:
            self._require_shape(numbers, (len(self.features),), "importance")
        return numbers

    def to_bytes(self) -> bytes:
        """Text in UTF-8; BadInput where it is not."""
        with attributed(self._whose, "when its model was written"):
            content = self._own.to_bytes()
        if not is_text(content):
            raise BadInput(f"{self._whose} does not write its models as text in UTF-8.", "JSON will do; never pickle.")
        return content

    def _require_shape(self, values: NDArray[Any], shape: tuple[int, ...], what: str) -> None:
        if values.shape != shape:
            raise BadInput(
                f"{self._whose} gives {what} of the shape {values.shape}, not {shape}.",
                "`evergreen.core.model.protocol.Model` says what is asked for.",
            )


def is_text(content: object) -> bool:
    """Whether it is bytes that can be read as UTF-8."""
    try:
        return isinstance(content, bytes) and content.decode() is not None
    except UnicodeDecodeError:
        return False


class VettedLearner:
    """A learner of somebody else. Its first fit is made twice, to see that it looks no further than it may."""

    def __init__(self, own: Learner) -> None:
        self.name, self.title = own.name, own.title
        self._own, self._audited = own, False

    def fits(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
        """As its own.

        Raises:
            BadInput: it raised, or a promise is broken; in one sentence.
        """
        fits = self._each(panel, stops, config)
        for number, stop in enumerate(stops):
            if (fit := next(fits, None)) is None:
                raise self._refusal(f"made {number} models of the {len(stops)} asked for", YIELD)
            yield self.vetted(fit, panel, stop, config)
        if next(fits, None) is not None:
            raise self._refusal(f"made more models than the {len(stops)} asked for", YIELD)

    def read(self, content: bytes) -> VettedModel:
        """A model from what it wrote.

        Raises:
            ModelRefused: it cannot be read.
        """
        with attributed(f"the learner {self.name!r}", "when it read its model", ModelRefused):
            return VettedModel(self._own.read(content), self.name)

    def vetted(self, fit: Fit, panel: Panel, stop: int, config: TrainingConfig) -> Fit:
        """A fit of the sessions before number `stop`, if it keeps what is promised of it."""
        if not isinstance(fit, Fit):
            raise self._refusal(f"gives a {type(fit).__name__}", "Give an `evergreen.core.model.protocol.Fit`.")
        vetted = replace(fit, model=VettedModel(fit.model, self.name))
        require_promises(self, vetted, panel, stop, config.validation_size)
        if not self._audited:
            self._audit(vetted.model.to_bytes(), panel, stop, config)
            self._audited = True
        return vetted

    def _audit(self, content: bytes, panel: Panel, stop: int, config: TrainingConfig) -> None:
        """Pass if the same bytes come of a panel that ends where the fit had to stop looking."""
        cut = panel.until(stop)
        if self._bytes_of(cut, config) == content:
            return
        if self._bytes_of(cut, config) == self._bytes_of(cut, config):
            what = f"looks ahead: of the first {stop} sessions alone it makes another model than beside later ones"
            raise self._refusal(what, "For each stop, fit on `panel.rows(0, stop)` and scale by them alone.")
        raise self._refusal(
            "makes another model of the same rows each time", "Take all that is random from `config.seed`."
        )

    def _bytes_of(self, panel: Panel, config: TrainingConfig) -> bytes:
        fit = next(self._each(panel, [len(panel.sessions)], config), None)
        if fit is None:
            raise self._refusal("makes no model of one stop", YIELD)
        return VettedModel(fit.model, self.name).to_bytes()

    def _each(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
        with attributed(f"the learner {self.name!r}", "when it was fitted"):
            yield from self._own.fits(panel, stops, config)

    def _refusal(self, what: str, hint: str) -> BadInput:
        return BadInput(f"the learner {self.name!r} {what}.", hint)


class VettedFitter(VettedLearner):
    """A learner of somebody else that fits at will."""

    def __init__(self, own: Learner, at_will: FitsAtWill) -> None:
        super().__init__(own)
        self._at_will = at_will

    def fitter(self, panel: Panel, config: TrainingConfig) -> Callable[[int], Fit]:
        """As its own, each fit vetted."""
        when = "when it was fitted"
        with attributed(f"the learner {self.name!r}", when):
            own = self._at_will.fitter(panel, config)

        def fit(stop: int) -> Fit:
            with attributed(f"the learner {self.name!r}", when):
                fitted = own(stop)
            return self.vetted(fitted, panel, stop, config)

        return fit


def vetted(own: Learner) -> VettedLearner:
    """A learner of somebody else, to be used in its place."""
    return VettedFitter(own, own) if isinstance(own, FitsAtWill) else VettedLearner(own)
