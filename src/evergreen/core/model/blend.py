"""A blend: the forecasts of models that differ, each in units of its own spread, added with fixed weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from evergreen.core.model.documents import read_document
from evergreen.core.model.protocol import Codes, Fit, Forecasts, Model, Rows, forecast

if TYPE_CHECKING:
    from evergreen.core.dataset.panel import Panel
    from evergreen.core.model.config import TrainingConfig

PARTS = ("lightgbm", "ridge")  # one looks at levels and their joint effects, one at ranks: they err apart
SPREAD_SESSIONS = 63  # the last quarter fitted on: a spread's own error is then below a percent for 50 tickers


@dataclass(frozen=True, eq=False)
class Blend:
    """Models of the same features and the weight of each forecast."""

    parts: tuple[Model, ...]
    weights: tuple[float, ...]
    kind: str = "blend"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns all parts read."""
        return self.parts[0].features

    @property
    def width(self) -> int:
        """The parts' prepared columns side by side."""
        return sum(part.width for part in self.parts)

    def prepare(self, rows: Rows, session: Codes) -> Rows:
        """What each part reads, side by side."""
        return np.hstack([part.prepare(rows, session) for part in self.parts])

    def predict(self, prepared: Rows, num_threads: int = 1) -> Forecasts:
        """The weighted sum of the parts' forecasts."""
        edges = np.cumsum([0, *(part.width for part in self.parts)])
        total = np.zeros(len(prepared))
        for part, weight, (begin, end) in zip(self.parts, self.weights, pairwise(edges), strict=True):
            total += weight * part.predict(np.ascontiguousarray(prepared[:, begin:end]), num_threads)
        return total

    def importance(self) -> Forecasts:
        """The parts' importances as shares, in equal weight."""
        known = [values for part in self.parts if (values := part.importance()) is not None]
        shares: Forecasts = np.mean([values / max(float(values.sum()), 1e-300) for values in known], axis=0)
        return shares

    def to_bytes(self) -> bytes:
        """JSON, with each part as its own text."""
        parts = [
            {"kind": part.kind, "weight": weight, "model": part.to_bytes().decode()}
            for part, weight in zip(self.parts, self.weights, strict=True)
        ]
        return json.dumps({"kind": self.kind, "parts": parts}).encode()


class BlendLearner:
    """The parts fitted side by side, then weighed to the same spread."""

    name = "blend"
    title = "blend of " + " and ".join(PARTS)

    def fits(self, panel: Panel, stops: Sequence[int], config: TrainingConfig) -> Iterator[Fit]:
        """One blend for each stop; no label is looked at beyond those the parts are fitted on."""
        from evergreen.core.model.registry import learner

        members = [learner(name).fits(panel, stops, config) for name in PARTS]
        for stop, fits in zip(stops, zip(*members, strict=True), strict=True):
            parts = tuple(fit.model for fit in fits)
            blend = Blend(parts, _weights(parts, panel, stop))
            yield Fit(blend, fits[0].rounds, fits[0].tail_start, fits[0].tail_residuals)

    def read(self, content: bytes) -> Blend:
        """The parts of a document, each read by its own learner."""
        from evergreen.core.model.registry import read_model

        parts = read_document(content, self.name)["parts"]
        models = tuple(read_model(part["kind"], part["model"].encode()) for part in parts)
        return Blend(models, tuple(float(part["weight"]) for part in parts))


def _weights(parts: Sequence[Model], panel: Panel, stop: int) -> tuple[float, ...]:
    """Each part brought to the parts' mean spread within sessions, and averaged: the sum stays a return."""
    spreads = [_spread(part, panel, max(0, stop - SPREAD_SESSIONS), stop) for part in parts]
    common = float(np.mean(spreads))
    return tuple(common / (len(parts) * spread) if spread > 0 else 0.0 for spread in spreads)


def _spread(part: Model, panel: Panel, start: int, stop: int) -> float:
    """Root mean square of forecasts less their session's mean."""
    rows, counts = panel.rows(start, stop), np.diff(panel.first_row[start : stop + 1])
    session = np.arange(len(counts)).repeat(counts)
    values = forecast(part, panel.matrix[rows], session)
    means = np.bincount(session, values) / counts
    return float(np.sqrt(np.mean((values - means[session]) ** 2)))
