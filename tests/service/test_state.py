from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evergreen.core.model.booster import LightGBM
from evergreen.core.model.protocol import forecast
from evergreen.core.model.ridge import Ridge
from evergreen.errors import ModelRefused, NotFound
from evergreen.service.proving import prove
from evergreen.service.state import (
    Lineup,
    ServedModel,
    Universe,
    compose,
    make_universe,
    rehearse,
)
from tests.service.world import NAMES, NOW, SESSION, TICKERS, World, manifest_of, panel, train


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
    stranger = ServedModel("2", LightGBM(train(5, names)), manifest_of(train(5, names), names))
    snapshot = compose(replace(lineup, challenger=stranger), universe_of(panel()), SESSION, (0,) * 4, NOW)
    assert snapshot.lineup.challenger is None and snapshot.challenger_rows is None
    assert "'A'" in snapshot.lineup.refusal


def test_compose__refuses_an_empty_universe(world: World) -> None:
    with pytest.raises(NotFound, match="no usable features"):
        compose(served(world), universe_of(panel() * np.nan), SESSION, (), NOW)


def test_rehearse__one_wrong_bit_is_refused() -> None:
    booster = train(1)
    manifest = manifest_of(booster)
    assert rehearse(ServedModel("1", LightGBM(booster), manifest)).version == "1"
    first, *others = manifest.golden_outputs
    altered = replace(manifest, golden_outputs=(float(np.nextafter(first, 1)), *others))
    with pytest.raises(ModelRefused, match="golden"):
        rehearse(ServedModel("1", LightGBM(booster), altered))


def test_compose__a_model_of_ranks_sees_the_tickers_of_its_session_alone(world: World) -> None:
    lineup, weights = served(world), np.arange(1.0, 1.0 + len(NAMES)) / 100
    ridge = replace(lineup.champion, model=Ridge(NAMES, weights))
    universe = universe_of(panel())
    snapshot = compose(replace(lineup, champion=ridge), universe, SESSION, (0,) * 4, NOW)
    rows = universe.features[:, ridge.columns(universe.names)]
    assert np.array_equal(ridge.forecast(snapshot.champion_rows), forecast(ridge.model, rows))
    older = replace(universe, sessions=(SESSION - pd.Timedelta(days=1), *universe.sessions[1:]))
    apart = compose(replace(lineup, champion=ridge), older, SESSION, (1, 0, 0, 0), NOW)
    assert ridge.forecast(apart.champion_rows)[0] == 0.0  # alone in its session: the middle of every rank
    assert np.array_equal(ridge.forecast(apart.champion_rows)[1:], forecast(ridge.model, rows[1:]))


def test_prove__any_kind_answers_its_golden_rows_in_a_process_of_its_own() -> None:
    ridge = Ridge(NAMES, np.arange(1.0, 1.0 + len(NAMES)) / 100)
    golden = np.random.default_rng(0).normal(size=(6, len(NAMES))).astype(np.float32)
    rows, outputs = tuple(map(tuple, golden.tolist())), tuple(forecast(ridge, golden).tolist())
    manifest = replace(manifest_of(train(1)), kind="ridge", golden_inputs=rows, golden_outputs=outputs)
    prove("1", ridge.to_bytes(), manifest)
    with pytest.raises(ModelRefused, match="golden forecasts"):
        prove("1", Ridge(NAMES, -ridge.weights).to_bytes(), manifest)
