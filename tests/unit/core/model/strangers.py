"""Learners as somebody else might register them: ridge, with one promise broken in each."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np

from evergreen.core.model.ridge import Ridge, RidgeLearner


@dataclass(frozen=True, eq=False)
class Theirs(Ridge):
    kind: str = "theirs"


class Honest(RidgeLearner):
    name = "theirs"
    model: type[Ridge] = Theirs

    def fits(self, panel, stops, config):
        for fit in super().fits(panel, stops, config):
            yield replace(fit, model=self.model(fit.model.features, fit.model.weights))

    def read(self, content):
        document = json.loads(content)
        return self.model(tuple(document["features"]), np.array(document["weights"]))


class Shouting(Honest):
    def fits(self, panel, stops, config):
        raise ValueError("Input X contains NaN.\nIt does not accept missing values.")


class LookingAhead(Honest):
    def fits(self, panel, stops, config):
        for fit in super().fits(panel, stops, config):
            yield replace(fit, model=self.model(fit.model.features, fit.model.weights / panel.label.std()))


class Drawing(Honest):
    def fits(self, panel, stops, config):
        for fit in super().fits(panel, stops, config):
            noise = np.random.default_rng().normal(size=len(fit.model.features))
            yield replace(fit, model=self.model(fit.model.features, fit.model.weights + noise))


class Tired(Honest):
    def fits(self, panel, stops, config):
        return super().fits(panel, stops[:1], config)


class Eager(Honest):
    def fits(self, panel, stops, config):
        return super().fits(panel, [*stops, stops[-1]] if len(stops) > 1 else stops, config)


class Bare(Honest):
    def fits(self, panel, stops, config):
        return (fit.model for fit in super().fits(panel, stops, config))


class Foreign(Honest):
    def fits(self, panel, stops, config):
        return (replace(fit, model={"weights": 1.0}) for fit in super().fits(panel, stops, config))


class ShortOfResiduals(Honest):
    def fits(self, panel, stops, config):
        return (replace(fit, tail_residuals=fit.tail_residuals[1:]) for fit in super().fits(panel, stops, config))


class OtherKind(Honest):
    model = Ridge


class Partial(Honest):
    def fits(self, panel, stops, config):
        for fit in super().fits(panel, stops, config):
            yield replace(fit, model=self.model(fit.model.features[:1], fit.model.weights[:1]))


class Rounding(Honest):
    def read(self, content):
        return replace(super().read(content), weights=super().read(content).weights.round(6))


class Unreading(Honest):
    def read(self, content):
        return json.loads(content)["no such key"]


def of_model(**members) -> type[Honest]:
    """A learner whose models differ in some members."""
    return type("Odd", (Honest,), {"model": type("OddModel", (Theirs,), members)})


def _unknown_as_nan(self, prepared, num_threads=1):
    return np.where(prepared[:, 0] == 0.0, np.nan, Ridge.predict(self, prepared))


def _centred(self, prepared, num_threads=1):
    forecasts = Ridge.predict(self, prepared)
    return forecasts - forecasts.mean()


def _drawn(self, prepared, num_threads=1):
    return Ridge.predict(self, prepared) + np.random.default_rng().normal(size=len(prepared))


Unknowing = of_model(predict=_unknown_as_nan)
Short = of_model(predict=lambda self, prepared, num_threads=1: np.zeros(len(prepared) - 1))
Column = of_model(predict=lambda self, prepared, num_threads=1: Ridge.predict(self, prepared)[:, None])
Centred = of_model(predict=_centred)
Drawn = of_model(predict=_drawn)
AcrossSessions = of_model(prepare=lambda self, rows, session: Ridge.prepare(self, rows, np.zeros_like(session)))
Negative = of_model(importance=lambda self: self.weights - 1e9)
Few = of_model(importance=lambda self: np.ones(3))
Pickled = of_model(to_bytes=lambda self: b"\x80\x04")
Text = of_model(to_bytes=lambda self: "weights")


class NeedsDepth(Honest):
    def __init__(self, depth):
        self.depth = depth


class Unfit:
    name, title = "theirs", "nothing"


class Misnamed(Honest):
    name = "ours"


instance = Honest()
