from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from evergreen.core.model import booster as boosters
from evergreen.core.model.manifest import Manifest
from evergreen.core.model.protocol import forecast
from evergreen.core.model.ridge import Ridge
from evergreen.errors import ModelRefused, NotFound
from evergreen.service.composing import Tables, compose
from evergreen.service.proving import ModelProcess, prove
from evergreen.service.state import Lineup, ServedModel, Universe, make_universe
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
    straight = compose(served(world), universe_of(features), SESSION, (0,) * 4, NOW, Tables())
    turned = compose(served(world), universe_of(features[features.columns[::-1]]), SESSION, (0,) * 4, NOW, Tables())
    np.testing.assert_array_equal(straight.tables["1"].values, turned.tables["1"].values)


def test_compose__refuses_a_champion_that_needs_a_feature_nobody_serves(world: World) -> None:
    with pytest.raises(ModelRefused, match="'F4'"):
        compose(served(world), universe_of(panel().drop(columns="F4")), SESSION, (0,) * 4, NOW, Tables())


def test_compose__drops_a_challenger_that_does_not_fit_and_keeps_the_champion(world: World) -> None:
    lineup, names = served(world), tuple("ABCDE")
    stranger = proved(boosters.to_text(train(5, names)).encode(), manifest_of(train(5, names), names))
    snapshot = compose(replace(lineup, challenger=stranger), universe_of(panel()), SESSION, (0,) * 4, NOW, Tables())
    assert snapshot.lineup.challenger is None and not snapshot.lineup.failure and set(snapshot.tables) == {"1"}
    assert "'A'" in snapshot.lineup.refusal


def test_compose__refuses_an_empty_universe(world: World) -> None:
    with pytest.raises(NotFound, match="no usable features"):
        compose(served(world), universe_of(panel() * np.nan), SESSION, (), NOW, Tables())


def proved(content: bytes, manifest: Manifest, version: str = "2") -> ServedModel:
    return ServedModel(version, prove(version, content, manifest), manifest)


def ridge_of(weights: NDArray[np.float64]) -> tuple[Ridge, Manifest]:
    """A ridge regression, with a manifest of its kind."""
    ridge = Ridge(NAMES, weights)
    golden = np.random.default_rng(0).normal(size=(6, len(NAMES))).astype(np.float32)
    rows, outputs = tuple(map(tuple, golden.tolist())), tuple(forecast(ridge, golden).tolist())
    return ridge, replace(manifest_of(train(1)), kind="ridge", golden_inputs=rows, golden_outputs=outputs)


def test_prove__one_wrong_bit_is_refused() -> None:
    content, manifest = boosters.to_text(train(1)).encode(), manifest_of(train(1))
    first, *others = manifest.golden_outputs
    altered = replace(manifest, golden_outputs=(float(np.nextafter(first, 1)), *others))
    with pytest.raises(ModelRefused, match="golden"):
        prove("1", content, altered)


def test_prove__a_manifest_that_names_other_features_is_refused() -> None:
    content, manifest = boosters.to_text(train(1)).encode(), manifest_of(train(1))
    with pytest.raises(ModelRefused, match="reads in their order"):
        prove("1", content, replace(manifest, feature_names=NAMES[::-1]))


def test_compose__a_model_of_ranks_sees_the_tickers_of_its_session_alone(world: World) -> None:
    ridge, manifest = ridge_of(np.arange(1.0, 1.0 + len(NAMES)) / 100)
    lineup = replace(served(world), champion=proved(ridge.to_bytes(), manifest, "1"))
    universe = universe_of(panel())
    snapshot = compose(lineup, universe, SESSION, (0,) * 4, NOW, Tables())
    assert np.array_equal(snapshot.tables["1"].values, forecast(ridge, universe.features))
    older = replace(universe, sessions=(SESSION - pd.Timedelta(days=1), *universe.sessions[1:]))
    apart = compose(lineup, older, SESSION, (1, 0, 0, 0), NOW, Tables()).tables["1"].values
    assert apart[0] == 0.0  # alone in its session: the middle of every rank
    assert np.array_equal(apart[1:], forecast(ridge, universe.features[1:]))


def test_prove__any_kind_answers_its_golden_rows_in_a_process_of_its_own() -> None:
    weights = np.arange(1.0, 1.0 + len(NAMES)) / 100
    ridge, manifest = ridge_of(weights)
    prove("1", ridge.to_bytes(), manifest)
    with pytest.raises(ModelRefused, match="golden forecasts"):
        prove("1", Ridge(NAMES, -weights).to_bytes(), manifest)


def test_tables__are_made_once_for_one_universe(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lineup, universe, tables = served(world), universe_of(panel()), Tables()
    first = compose(lineup, universe, SESSION, (0,) * 4, NOW, tables)
    monkeypatch.setattr(ModelProcess, "forecast", None)
    promoted = replace(lineup, champion=lineup.challenger, challenger=None, previous=lineup.champion)
    second = compose(promoted, universe, SESSION, (1,) * 4, NOW, tables)
    assert second.tables["2"] is first.tables["2"] and second.tables["1"] is first.tables["1"]
