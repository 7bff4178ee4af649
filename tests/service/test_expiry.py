from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd

from evergreen.core.bars.calendar import Calendar
from evergreen.service.answering import Answerer, Question
from evergreen.service.expiry import expiry
from evergreen.service.metrics import Metrics
from evergreen.service.refresh import Keeper
from evergreen.service.schemas import PredictionAnswer
from tests.service.world import NOW, World, manifest_of, train

LIMIT = 375


def test_expiry__begins_so_many_sessions_after_training() -> None:
    expired = expiry(LIMIT, Calendar("XNYS").between)
    manifest = replace(manifest_of(train(1)), as_of="2008-06-30")
    trained = pd.Timestamp("2008-06-30")
    assert not expired(manifest, Calendar("XNYS").next(trained, LIMIT - 1))
    assert expired(manifest, Calendar("XNYS").next(trained, LIMIT))


def test_expiry__the_random_walk_learned_nothing_that_grows_old() -> None:
    manifest = replace(manifest_of(train(1)), kind="random_walk", as_of="2000-03-01")
    assert not expiry(LIMIT, Calendar("XNYS").between)(manifest, pd.Timestamp("2008-06-30"))


def test_answer__of_a_model_past_its_expiry_says_so(world: World) -> None:
    keeper = Keeper(world.store, Metrics())
    keeper.look(NOW)
    assert keeper.snapshot is not None
    for days, expired in ((0, True), (100_000, False)):
        answerer = Answerer(world.store.write, Metrics(), 3, world.store.target, expiry(days, world.store.age))
        (answers,) = answerer.settle([Question(keeper.snapshot, "c", "champion", (0,))])
        assert isinstance(answers, list)
        answer = PredictionAnswer.model_validate(json.loads(answers[0]))
        assert answer.expired is expired
