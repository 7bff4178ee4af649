from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evergreen.errors import ModelRefused, NotFound
from evergreen.service.state import (
    Lineup,
    ServedModel,
    Universe,
    compose,
    make_universe,
    rehearse,
)
from tests.service.world import NOW, SESSION, TICKERS, World, manifest_of, panel, train


def universe_of(features: pd.DataFrame) -> Universe:
    return make_universe(features, pd.Series(50.0, features.index), pd.Series(SESSION, features.index))


def served(world: World) -> Lineup:
    row = world.rollout()
    return Lineup(row, world.store.model("1"), world.store.model("2"))


def test_make_universe__leaves_out_what_cannot_be_forecast() -> None:
    features = panel()
    features.loc["IBM"] = np.nan
    close = pd.Series({"AAPL": 10.0, "GOOG": np.nan, "IBM": 5.0, "MSFT": 7.0})
    as_of = pd.Series(SESSION, features.index)
    universe = make_universe(features, close, as_of)
    assert universe.tickers == ("AAPL", "MSFT")
    assert universe.last_close.tolist() == [10.0, 7.0]
    assert universe.dates == ("2008-09-12", "2008-09-12")


def test_make_universe__some_missing_factors_are_no_reason_to_refuse() -> None:
    features = panel()
    features.iloc[0, 0] = np.nan
    assert universe_of(features).tickers == TICKERS


def test_compose__columns_follow_the_manifest_not_the_store(world: World) -> None:
    features = panel()
    straight = compose(served(world), universe_of(features), SESSION, (0,) * 4, NOW)
    turned = compose(served(world), universe_of(features[features.columns[::-1]]), SESSION, (0,) * 4, NOW)
    np.testing.assert_array_equal(straight.champion_rows, turned.champion_rows)


def test_compose__refuses_a_champion_that_needs_a_feature_nobody_serves(world: World) -> None:
    with pytest.raises(ModelRefused, match="'F4'"):
        compose(served(world), universe_of(panel().drop(columns="F4")), SESSION, (0,) * 4, NOW)


def test_compose__drops_a_challenger_that_does_not_fit_and_keeps_the_champion(world: World) -> None:
    lineup, names = served(world), tuple("ABCDE")
    stranger = ServedModel("2", train(5, names), manifest_of(train(5, names), names))
    snapshot = compose(replace(lineup, challenger=stranger), universe_of(panel()), SESSION, (0,) * 4, NOW)
    assert snapshot.lineup.challenger is None and snapshot.challenger_rows is None
    assert "'A'" in snapshot.lineup.refusal


def test_compose__refuses_an_empty_universe(world: World) -> None:
    with pytest.raises(NotFound, match="no usable features"):
        compose(served(world), universe_of(panel() * np.nan), SESSION, (), NOW)


def test_rehearse__one_wrong_bit_is_refused() -> None:
    booster = train(1)
    manifest = manifest_of(booster)
    assert rehearse(ServedModel("1", booster, manifest)).version == "1"
    first, *others = manifest.golden_outputs
    altered = replace(manifest, golden_outputs=(float(np.nextafter(first, 1)), *others))
    with pytest.raises(ModelRefused, match="golden"):
        rehearse(ServedModel("1", booster, altered))
