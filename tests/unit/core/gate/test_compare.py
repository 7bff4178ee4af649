from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from evergreen.core.gate.compare import compare, spent_alpha
from evergreen.errors import BadInput

TICKERS = [f"T{i}" for i in range(6)]


def made_oos(
    seed: int, sessions: int = 250, signal: float = 0.0, noise: float = 0.0005, width: float = 1.645
) -> pd.DataFrame:
    """Forecasts of one market (its seed is fixed, common factor included) by a model of its own seed."""
    market, model = np.random.default_rng(99), np.random.default_rng(seed)
    keys = pd.MultiIndex.from_product(
        [pd.bdate_range("2010-01-01", periods=sessions).as_unit("us"), TICKERS], names=["session", "ticker"]
    )
    factor = np.repeat(market.normal(0, 0.01, sessions), len(TICKERS))
    label = factor + market.normal(0, 0.01, len(keys))
    forecast = signal * label + model.normal(0, noise, len(keys))
    half = width * 0.0141
    return keys.to_frame(index=False)[["ticker", "session"]].assign(
        forecast=forecast, label=label, lower=forecast - half, upper=forecast + half
    )


def test_compare__a_clearly_better_challenger_is_admitted_and_claimed():
    verdict = compare(made_oos(1), made_oos(2, signal=0.05))
    assert verdict.admitted and verdict.better and verdict.reasons == ()
    assert verdict.sentence.startswith("Admitted to canary. Over 250 sessions (2010-01-01 to 2010-12-16)")
    assert "It is better" in verdict.sentence
    assert verdict.rank_ic_challenger.lower > verdict.rank_ic_champion.upper


def test_compare__a_clearly_worse_challenger_is_refused_with_the_reason():
    verdict = compare(made_oos(1), made_oos(2, noise=0.01))
    assert not verdict.admitted and not verdict.better
    assert any("shown worse than the champion" in reason for reason in verdict.reasons)
    assert any("random walk" in reason for reason in verdict.reasons)


def test_compare__an_equal_challenger_is_admitted_but_not_claimed():
    verdict = compare(made_oos(1), made_oos(5))
    assert verdict.admitted and not verdict.better
    assert "not claimed to be better" in verdict.sentence


def test_compare__without_a_champion_the_random_walk_is_the_incumbent():
    walk = made_oos(1).assign(forecast=0.0)
    challenger = made_oos(2, signal=0.03)
    verdict = compare(None, challenger)
    assert verdict.opponent == "random walk" and verdict.admitted
    assert verdict.test == compare(walk, challenger).test == verdict.random_walk_test
    assert verdict.rank_ic_champion is None


def test_compare__beating_a_bad_champion_is_not_enough():
    verdict = compare(made_oos(1, noise=0.01), made_oos(2, noise=0.006))
    assert verdict.test.p_better < 0.001
    assert not verdict.admitted and not verdict.better
    assert [reason for reason in verdict.reasons if "random walk" in reason]


def test_compare__floors_refuse_what_is_not_a_forecast():
    champion, challenger = made_oos(1), made_oos(5)
    broken = challenger.assign(forecast=challenger["forecast"].where(challenger.index != 700))
    assert "1 of the challenger's 1500 forecasts are not finite" in compare(champion, broken).reasons
    flat = compare(champion, challenger.assign(forecast=0.0001))
    assert "the challenger forecasts one and the same return for everything" in flat.reasons
    same = compare(champion, champion)
    assert not same.admitted and "the champion's own" in same.sentence


@pytest.mark.parametrize("width", [1.0, 3.5])
def test_compare__dishonest_intervals_are_refused(width):
    verdict = compare(made_oos(1), made_oos(5, width=width))
    assert not verdict.admitted
    assert "of labels fell inside the 90% intervals" in verdict.reasons[-1]


def test_compare__without_intervals_their_floor_is_silent():
    verdict = compare(made_oos(1), made_oos(5).drop(columns=["lower", "upper"]))
    assert verdict.admitted and verdict.coverage is None


def test_compare__only_the_last_common_sessions_count():
    champion, challenger = made_oos(1, sessions=400), made_oos(2, sessions=400, signal=0.1)
    window = np.sort(challenger["session"].unique())[-150:]
    spoiled = challenger.assign(
        forecast=challenger["forecast"].where(challenger["session"].isin(window), 1.0),
    )
    shorter = champion[champion["session"] <= window[-1]].iloc[::-1]
    assert compare(shorter, spoiled, gate_sessions=150).test == compare(champion, challenger, gate_sessions=150).test
    assert compare(champion, challenger).sessions == 250


def test_compare__unknown_labels_are_left_out():
    challenger = made_oos(5)
    late = challenger["session"] == challenger["session"].max()
    verdict = compare(made_oos(1), challenger.assign(label=challenger["label"].where(~late)))
    assert verdict.sessions == 249


def test_compare__too_few_sessions_decide_nothing():
    verdict = compare(made_oos(1), made_oos(2, sessions=80))
    assert not verdict.admitted
    assert verdict.sentence == "Not admitted: only 80 sessions forecast by both models, 120 are needed."
    json.dumps(verdict.to_dict(), allow_nan=False)


def test_compare__default_margin_is_a_tenth_of_the_scale():
    verdict = compare(made_oos(1), made_oos(5))
    assert verdict.margin == pytest.approx(verdict.scale / 10)
    assert compare(made_oos(1), made_oos(5), margin=0.0).margin == 0.0


def test_compare__the_more_were_tried_the_more_it_takes():
    assert sum(spent_alpha(0.05, k) for k in range(1, 20_000)) == pytest.approx(0.05, rel=1e-3)
    challenger = made_oos(2, signal=0.0065)
    verdicts = [compare(made_oos(1), challenger, tried=k) for k in (1, 40)]
    assert [verdict.better for verdict in verdicts] == [True, False]
    assert all(verdict.admitted for verdict in verdicts)


def test_compare__verdict_is_json_without_nan():
    values = compare(None, made_oos(5)).to_dict()
    assert json.loads(json.dumps(values, allow_nan=False))["sentence"] == values["sentence"]


@pytest.mark.parametrize("wrong", [{"tried": 0}, {"alpha": 0.0}, {"margin": -0.1}])
def test_compare__unusable_arguments_are_refused(wrong):
    with pytest.raises(BadInput, match="cannot be used"):
        compare(made_oos(1), made_oos(5), **wrong)
    with pytest.raises(BadInput, match="lacks label"):
        compare(None, made_oos(5).drop(columns="label"))


def test_compare__a_challenger_worse_by_the_margin_is_rarely_admitted():
    runs, admitted = 60, 0
    for i in range(runs):
        champion, challenger = made_oos(2 * i), made_oos(2 * i + 1, noise=0.001)
        admitted += compare(champion, challenger, margin=0.0).admitted
    assert admitted / runs <= 0.10
