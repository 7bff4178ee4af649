"""A challenger that is not the model that was judged is known at its first session."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from evergreen.core.market import simulate
from evergreen.core.model.aim import NEXT_RETURN
from evergreen.replay.breaks import SERVING, parse_break
from evergreen.replay.fits import Fits
from evergreen.replay.market import build_market
from evergreen.replay.models import Models
from evergreen.replay.plan import Replay
from evergreen.replay.run import replay
from evergreen.replay.versions import ServingFault, Version
from tests.unit.replay.conftest import SMALL, impatient

FIRST = 380  # a session with history enough for a model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Of six stocks whose reversal can be predicted."""
    from evergreen.replay.bars import clean

    bars, folder = simulate(6, 500, seed=11, ic=0.2), tmp_path_factory.mktemp("market")
    market = build_market(clean(bars, bars["session"].max(), "XNYS"), NEXT_RETURN, folder / "market")
    reads_much = replace(SMALL, rounds=60)  # a fifth of the features missing tells nothing of a model that reads few
    return Models(market, Fits(market, reads_much, folder / "fits"))


@pytest.mark.parametrize("kind", sorted(SERVING))
def test_difference__a_served_fault_is_known_at_its_first_session_a_hundred_times_of_a_hundred(
    models: Models, kind: str
) -> None:
    trained = models.trained_at(FIRST)
    for number in range(100):
        version = Version("3", models, trained, FIRST + 1 + number, ServingFault(kind, seed=number))
        assert version.difference(version.since)


def test_difference__sound_models_never_differ(models: Models) -> None:
    version = Version("2", models, models.trained_at(FIRST), FIRST + 1)
    assert [version.difference(FIRST + 1 + number) for number in range(100)] == [""] * 100


@pytest.mark.parametrize("kind", ["shuffled", "leak"])
def test_replay__a_broken_challenger_is_stopped_at_its_first_session(plan: Replay, kind: str) -> None:
    broken = replace(plan, policies=(replace(impatient(), gate=None),), breaks=(parse_break(f"{kind}@2001-09-10"),))
    decisions = replay(broken).decisions
    starts, stops = (decisions[decisions["kind"] == each] for each in ("canary_start", "mismatch"))
    assert len(stops) == 1
    begun = starts[starts["version"] == stops["version"].iloc[0]].iloc[0]
    days = pd.DatetimeIndex(replay(broken).sessions["session"])
    assert stops["session"].iloc[0] == days[days > begun["session"]].min()
    assert "is stopped. What version" in stops["sentence"].iloc[0]
