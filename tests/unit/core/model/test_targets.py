"""What a model may forecast: each target by what it says, and 0 as its naive forecast."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from importlib import metadata
from importlib.metadata import EntryPoint

import numpy as np
import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.core.dataset.labels import forward_return
from evergreen.core.dataset.look_ahead_audit import audit
from evergreen.core.evaluation.evaluate import skill_line
from evergreen.core.model.config import recipe
from evergreen.core.model.targets.registry import target, target_names
from evergreen.core.model.training import TrainingConfig, train
from evergreen.errors import BadInput, BadSetting
from evergreen.research.panels import ResearchPanel

NAMES = ["neutral", "rank", "return", "volatility"]


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return simulated()


def simulated() -> pd.DataFrame:
    """Twelve tickers over two years, a beta of their own each, with a range each session."""
    rng = np.random.default_rng(5)
    days = Calendar("XNYS").sessions(pd.Timestamp("2010-01-04"), pd.Timestamp("2011-12-30"))
    market = rng.normal(0, 0.01, len(days))
    frames = []
    for number in range(12):
        moves = (0.5 + number / 10) * market + rng.normal(0, 0.01, len(days))
        close = 50 * np.exp(np.cumsum(moves))
        reach = np.abs(rng.normal(0, 0.01, len(days))) + 0.001
        frames.append(
            pd.DataFrame(
                {
                    "ticker": f"T{number:02d}",
                    "session": days,
                    "open": close,
                    "high": close * np.exp(reach),
                    "low": close * np.exp(-reach),
                    "close": close,
                    "volume": 1e6,
                    "factor": 1.0,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def test_registry__names_are_known_and_another_packages_target_is_one_of_them(monkeypatch) -> None:
    assert target_names() == NAMES
    assert [target(name).name for name in NAMES] == NAMES
    theirs = EntryPoint("theirs", "evergreen.core.model.targets.ranks:Rank", "evergreen.targets")
    monkeypatch.setattr(
        "evergreen.core.registered.entry_points",
        lambda group, name=None: metadata.EntryPoints([theirs] if name in (None, "theirs") else []),
    )
    with pytest.raises(BadInput, match="is called 'rank' by its own"):
        target("theirs")
    assert "theirs" in target_names()
    with pytest.raises(BadSetting, match="no target 'profit' is registered"):
        target("profit")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("horizon", [1, 5])
def test_target__reads_its_lookback_and_its_horizon_and_nothing_else(bars, name: str, horizon: int) -> None:
    chosen = target(name)
    labels = chosen.label(bars, horizon)
    assert labels.name == "label" and labels.index.is_monotonic_increasing and len(labels) == len(bars)
    features = pd.DataFrame({"one": 1.0}, index=labels.index)
    verdict = audit(
        features, labels, bars, lambda some: features.loc[pd.MultiIndex.from_frame(some[["ticker", "session"]])],
        2, horizon, label=chosen.label, label_lookback=chosen.lookback,
    )  # fmt: skip
    assert verdict.passed, verdict.sentence
    later = audit(
        features, chosen.label(bars, horizon + 1), bars,
        lambda some: features.loc[pd.MultiIndex.from_frame(some[["ticker", "session"]])],
        2, horizon, label=chosen.label, label_lookback=chosen.lookback,
    )  # fmt: skip
    assert not later.passed


@pytest.mark.parametrize("name", NAMES)
def test_target__is_the_same_to_the_bit_wherever_the_bars_begin_and_whoever_had_left(bars, name: str) -> None:
    chosen, days = target(name), bars["session"].unique()
    gone = bars["ticker"].isin(["T04", "T05"]) & (bars["session"] >= days[200])
    known = bars[~gone]
    late = known[known["session"] >= days[300 - chosen.lookback]]
    label = chosen.label(late, 5)
    label = label[label.index.get_level_values("session") >= days[300]]
    pd.testing.assert_series_equal(label, chosen.label(known, 5).loc[label.index], check_exact=True)
    assert label.notna().sum() == 10 * (len(days) - 300 - 5)


def test_neutral__beta_and_deviation_are_those_of_the_quarter(bars) -> None:
    returns = forward_return(bars).unstack("ticker")
    past, market = returns.iloc[37:100], returns.mean(axis=1)
    beta = past.apply(lambda own: own.cov(market.iloc[37:100])) / market.iloc[37:100].var()
    expected = (returns.iloc[100] - beta * market.iloc[100]) / past.std()
    pd.testing.assert_series_equal(
        target("neutral").label(bars, 1).unstack("ticker").iloc[100], expected, check_names=False
    )


def test_rank__is_the_order_of_returns_centred_in_each_session(bars) -> None:
    rank, returns = target("rank").label(bars, 5), forward_return(bars, 5)
    session = returns.index.get_level_values("session")[100]
    expected = (returns.xs(session, level="session").rank() - 6.5) / 12
    pd.testing.assert_series_equal(rank.xs(session, level="session"), expected, check_names=False)
    assert np.allclose(rank.groupby(level="session").mean().dropna(), 0)


def test_neutral__has_little_of_the_market_and_one_deviation(bars) -> None:
    own = target("neutral").label(bars, 1).unstack("ticker").dropna()
    market = forward_return(bars).unstack("ticker").mean(axis=1).reindex(own.index)
    assert own.corrwith(market).abs().max() < 0.15 < forward_return(bars).unstack("ticker").corrwith(market).min()
    assert 0.5 < own.std().mean() < 1.1


def test_volatility__is_the_log_of_the_ranges_to_come_over_those_of_the_month(bars) -> None:
    own = bars[bars["ticker"] == "T03"].reset_index(drop=True)
    squares = np.log(own["high"] / own["low"]) ** 2
    expected = 0.5 * np.log(squares[101:106].mean() / squares[80:101].mean())
    label = target("volatility").label(bars, 5)
    assert np.isclose(label[("T03", own["session"][100])], expected)
    still = bars.assign(high=bars["close"], low=bars["close"])
    assert target("volatility").label(still, 5).isna().all()


def test_training__of_a_target_that_is_no_return_has_its_baseline_and_no_prices(bars) -> None:
    data = ResearchPanel(bars, Calendar("XNYS"), 1, target_name="rank")
    config = TrainingConfig(learner="ridge", target="rank", folds=2, test_size=42, min_train=200)
    training = train(data.training_set, config)
    assert training.manifest("2011-12-30", "d").target == "rank"
    assert {"rank_ic", "skill", "coverage"} <= training.metrics.keys()
    assert not {"mae", "mase", "top_k_net_return"} & training.metrics.keys()
    assert "a chance order's" in skill_line(training.metrics, baseline=target("rank").baseline)


def test_recipe__of_a_return_is_what_it_was_before_there_were_targets() -> None:
    config, features = TrainingConfig(), ["A", "B"]
    before = {name: value for name, value in config.as_dict().items() if name != "target"} | {"num_threads": 1}
    facts = json.dumps([before, features], sort_keys=True)
    assert recipe(config, features) == hashlib.sha256(facts.encode()).hexdigest()[:16]
    assert recipe(replace(config, target="rank"), features) != recipe(config, features)
