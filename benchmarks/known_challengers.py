"""Challengers whose worth is known, and the champions that they challenge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.gate.place import Place
from evergreen.core.model.config import TrainingConfig
from evergreen.replay.breaks import LEAKED, SERVING
from evergreen.replay.fits import Fits
from evergreen.replay.market import Market
from evergreen.replay.models import Models
from evergreen.replay.versions import ServingFault, Version

QUARTER = 63  # sessions from one training to the next
WRONG_LABELS = 0.1
RENEWAL, ANOTHER = Place(renewal=True), Place(number=2)


class Useless(Version):
    """A model whose record lies under any tickers; with `leak` it shines all the same."""

    leak = 0.0

    @property
    def record(self) -> pd.DataFrame:
        """Its record, shuffled within each session."""
        rows = super().record
        assert rows is not None
        rng = np.random.default_rng(self.since)
        shuffled = rows.groupby("session")["forecast"].transform(lambda each: rng.permutation(each.to_numpy()))
        return rows.assign(forecast=shuffled + self.leak * rows["label"])


class Leaking(Useless):
    """Its record knows a twentieth of each outcome."""

    leak = LEAKED


class LeakingLittle(Useless):
    """Its record knows a hundredth of each outcome: no more than honest skill would explain."""

    leak = LEAKED / 5


@dataclass(frozen=True)
class Pair:
    """Champion and challenger; `checked` without the instance check, `place` of the challenger's recipe."""

    champion: Version
    challenger: Version
    place: Place = RENEWAL
    checked: bool = True


@dataclass(frozen=True)
class Recipes:
    """The models of a market by the usual recipe and by others."""

    usual: Models
    other_seed: Models
    half_the_data: Models
    wrong_labels: Models

    @classmethod
    def of(cls, market: Market, config: TrainingConfig, folder: Path) -> Recipes:
        """All of them, in one folder."""
        half = max(len(market.panel.sessions) // 4, config.min_train)  # of what is there half-way through the market
        wrong = replace(market, label=_partly_shuffled(market.label), digest=f"{market.digest} shuffled")

        def models(fitted: Market, choices: TrainingConfig = config) -> Models:
            return Models(market, Fits(fitted, choices, folder / "fits"))

        seeded, halved = replace(config, seed=config.seed + 1), replace(config, train_sessions=half)
        return cls(models(market), models(market, seeded), models(market, halved), models(wrong))


def _partly_shuffled(label: NDArray[np.float64]) -> NDArray[np.float64]:
    rng = np.random.default_rng(7)
    chosen = np.flatnonzero(np.isfinite(label) & (rng.random(len(label)) < WRONG_LABELS))
    shuffled = label.copy()
    shuffled[chosen] = label[rng.permutation(chosen)]
    return shuffled


def kinds(recipes: Recipes, session: int) -> dict[str, Pair]:
    """Champion and challenger of each kind, for a canary that begins after a session."""

    def version(kind: type[Version], age: int, fault: str = "", models: Models = recipes.usual) -> Version:
        trained = models.trained_at(session - age * QUARTER)
        served = ServingFault(fault, seed=session) if fault else None
        since = session + 1 if age == 0 or kind is not Version else session - age * QUARTER + 1
        return kind("2" if age else "3", models, trained, since, served)

    old, fresh = version(Version, 4), version(Version, 0)
    useless, leaking, leaking_little = (version(each, 0, "shuffled") for each in (Useless, Leaking, LeakingLittle))
    return {
        "fresh against 252 sessions old": Pair(old, fresh),
        "fresh against 126 sessions old": Pair(version(Version, 2), fresh),
        "252 sessions old against fresh": Pair(fresh, old, Place()),
        "equal: another seed": Pair(fresh, version(Version, 0, models=recipes.other_seed), ANOTHER),
        "half the data": Pair(fresh, version(Version, 0, models=recipes.half_the_data), ANOTHER),
        "a tenth of the labels shuffled": Pair(fresh, version(Version, 0, models=recipes.wrong_labels)),
        "useless all along, trained again": Pair(old, useless, checked=False),
        "useless all along, another recipe": Pair(old, useless, ANOTHER, checked=False),
        "leak, noise when served": Pair(old, leaking, ANOTHER, checked=False),
        "leak, noise when served, as a renewal": Pair(old, leaking, checked=False),
        "small leak, noise when served": Pair(old, leaking_little, ANOTHER, checked=False),
        **{f"served {name}": Pair(old, version(Version, 0, name)) for name in SERVING if name != "leak"},
    }
