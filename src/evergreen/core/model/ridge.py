"""Ridge regression on factors ranked within their session, in closed form: the linear model every other must beat."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evergreen.core.model.documents import read_document
from evergreen.core.model.protocol import Codes, Fit, Forecasts, Rows, require_width
from evergreen.core.model.session_scores import session_scores

if TYPE_CHECKING:
    from evergreen.core.dataset.panel import Panel
    from evergreen.core.model.config import TrainingConfig

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ridge:
    """A weight for the score of each factor within its session, in units of log return."""

    features: tuple[str, ...]
    weights: Array
    kind: str = "ridge"

    @property
    def width(self) -> int:
        """As many columns as features."""
        return len(self.features)

    def prepare(self, rows: Rows, session: Codes) -> Rows:
        """Scores of the factors among all rows of the session."""
        return session_scores(rows, session)

    def predict(self, prepared: Rows, num_threads: int = 1) -> Forecasts:
        """Weighted sums, each row by itself: a matrix product may add in another order for other numbers of rows."""
        require_width(prepared, self.width)
        forecasts: Forecasts = np.add.reduce(prepared * self.weights, axis=1)
        return forecasts

    def importance(self) -> Forecasts:
        """Sizes of the weights; scores have one scale."""
        return np.abs(self.weights)

    def to_bytes(self) -> bytes:
        """JSON; floats in their shortest form that reads back to the bit."""
        return json.dumps({"kind": self.kind, "features": self.features, "weights": self.weights.tolist()}).encode()


class RidgeLearner:
    """Scores of labels on scores of factors, then in units of return as LightGBM's ranked fit has them."""

    name = "ridge"
    title = "ridge regression on ranked factors"

    def fits(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
        """One pass over the sessions: the normal equations of a stop are those of the one before, and some more."""
        from evergreen.core.model.ranked_targets import normal_ranks, return_per_score, winsorized

        scores, names = normal_ranks(panel), panel.feature_names
        gram, cross = np.zeros((len(names), len(names))), np.zeros(len(names))
        starts = [config.first_session(stop) for stop in stops]
        for (before, stop), (left, start) in zip(pairwise([0, *stops]), pairwise([0, *starts]), strict=True):
            _add(panel, scores, before, stop, gram, cross)
            _add(panel, scores, left, start, gram, cross, sign=-1.0)
            rows, tail_start = panel.rows(start, stop), max(0, stop - config.validation_size)
            slope = return_per_score(scores[rows], winsorized(panel.label[rows], config.label_clip))
            penalty = config.ridge_penalty * (rows.stop - rows.start) * np.eye(len(names))
            model = Ridge(names, slope * np.linalg.solve(gram + penalty, cross))
            yield Fit(model, 1, tail_start, panel.label[panel.rows(tail_start, stop)])

    def read(self, content: bytes) -> Ridge:
        """The weights of a document."""
        document = read_document(content, self.name)
        return Ridge(tuple(document["features"]), np.array(document["weights"], dtype=np.float64))


def _add(panel: Panel, scores: Array, start: int, stop: int, gram: Array, cross: Array, sign: float = 1.0) -> None:
    """Put the sessions numbered start <= i < stop into the normal equations, or with sign -1 take them out."""
    for number in range(start, stop):
        rows = panel.rows(number, number + 1)
        factors = session_scores(panel.matrix[rows], np.zeros(rows.stop - rows.start, dtype=np.intp)).astype(np.float64)
        gram += sign * (factors.T @ factors)
        cross += sign * (factors.T @ scores[rows])
