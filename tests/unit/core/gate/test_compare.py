from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from evergreen.core.evaluation.losses import Statistic
from evergreen.core.gate.compare import compare
from evergreen.core.gate.place import Place
from evergreen.core.model.targets.registry import target
from evergreen.errors import BadInput

TICKERS = [f"T{i}" for i in range(6)]


def made_oos(
    seed: int,
    sessions: int = 250,
    signal: float = 0.0,
    noise: float = 0.0005,
    width: float = 1.645,
    tickers: Sequence[str] = TICKERS,
) -> pd.DataFrame:
    """Forecasts of one market (its seed is fixed, common factor included) by a model of its own seed."""
    market, model = np.random.default_rng(99), np.random.default_rng(seed)
    keys = pd.MultiIndex.from_product(
        [pd.bdate_range("2010-01-01", periods=sessions).as_unit("us"), tickers], names=["session", "ticker"]
    )
    factor = np.repeat(market.normal(0, 0.01, sessions), len(tickers))
    label = factor + market.normal(0, 0.01, len(keys))
    forecast = signal * label + model.normal(0, noise, len(keys))
    half = width * 0.0141
    return keys.to_frame(index=False)[["ticker", "session"]].assign(
        forecast=forecast, label=label, lower=forecast - half, upper=forecast + half
    )


SKILLED = {"signal": 0.02}  # shown to be better than the random walk over 250 sessions
EQUAL = {"signal": 0.02}


def test_compare__a_clearly_better_challenger_is_admitted_and_claimed():
    verdict = compare(made_oos(1, **SKILLED), made_oos(2, signal=0.06))
    assert verdict.admitted and verdict.better and verdict.reasons == ()
    assert verdict.sentence.startswith(
        "Admitted to canary. Over 250 sessions (2010-01-01 to 2010-12-16), by squared error, the challenger keeps all "
        "of the skill that the champion has shown over the random walk; 50% is asked for."
    )
    assert "It is better than the champion" in verdict.sentence
    assert verdict.rank_ic_challenger.lower > verdict.rank_ic_champion.upper


def test_compare__baseline_statistic_and_what_is_believed_come_from_the_target():
    many = [f"T{i}" for i in range(60)]
    oos = made_oos(1, sessions=130, signal=0.2, width=0.8 * 1.645, tickers=many)
    as_return, as_volatility = compare(None, oos), compare(None, oos, target=target("volatility"))
    assert as_return.statistic is Statistic.ORDER and as_volatility.statistic is Statistic.SQUARED_ERROR
    assert as_return.reasons[-1].startswith("too good to be true: it explains 36%") and as_volatility.admitted
    assert "better than an unchanged volatility (p < 0.001" in as_volatility.sentence
    assert (
        "random walk" not in as_volatility.sentence and as_volatility.to_dict()["baseline"] == "an unchanged volatility"
    )


def test_compare__a_challenger_that_loses_the_champions_skill_is_refused_with_what_it_keeps():
    verdict = compare(made_oos(1, **SKILLED), made_oos(2, signal=0.0))
    assert not verdict.admitted and not verdict.better and verdict.kept_share < 0.5
    assert "not shown to keep 50% of the champion's skill" in verdict.reasons
    assert "the challenger keeps nothing for sure of the skill" in verdict.sentence


def test_compare__an_equal_challenger_is_admitted_but_not_claimed():
    verdict = compare(made_oos(1, **SKILLED), made_oos(5, **EQUAL))
    assert verdict.admitted and not verdict.better and 0.5 < verdict.kept_share < 1
    assert f"keeps at least {verdict.kept_share:.0%} of the skill" in verdict.sentence
    assert "not claimed to be better" in verdict.sentence


def test_compare__the_margin_is_the_share_that_may_be_lost_of_what_the_champion_is_shown_to_be_worth():
    champion, challenger = made_oos(1, **SKILLED), made_oos(5, **EQUAL)
    shown = compare(None, champion).test.lower90
    for retained in (0.5, 0.8):
        verdict = compare(champion, challenger, retained=retained)
        assert verdict.champion_test.lower90 == pytest.approx(shown) and shown > 0
        assert verdict.margin == pytest.approx((1 - retained) * shown)
        assert verdict.kept_share == pytest.approx(1 + verdict.test.lower90 / shown)
        assert verdict.admitted == (verdict.kept_share > retained)


def test_compare__the_whole_loss_of_skill_lies_beyond_the_margin():
    champion = made_oos(1, **SKILLED)
    shuffled = champion.assign(
        forecast=champion.groupby("session")["forecast"].transform(lambda each: each[::-1].values)
    )
    verdict = compare(champion, shuffled)
    assert verdict.test.upper90 < -verdict.margin
    assert not verdict.admitted


def test_compare__without_a_champion_the_random_walk_is_the_incumbent():
    walk = made_oos(1).assign(forecast=0.0)
    challenger = made_oos(2, signal=0.03)
    verdict = compare(None, challenger)
    assert verdict.opponent == "random walk" and verdict.admitted and verdict.better
    assert verdict.test == compare(walk, challenger).test == verdict.random_walk_test
    assert verdict.rank_ic_champion is None and verdict.margin == 0 and verdict.kept_share is None
    assert "the challenger is better than the random walk (p < 0.001, shown below 0.0304" in verdict.sentence


def test_compare__nothing_replaces_the_random_walk_that_has_the_worse_mean():
    verdict = compare(None, made_oos(5))
    assert not verdict.admitted
    assert verdict.reasons[0].startswith("too little speaks for it being better than the random walk (p = ")


def test_compare__the_random_walk_has_nothing_to_lose_and_yields_to_what_is_expected_to_be_better():
    faint = made_oos(2, signal=0.0025)
    verdict = compare(None, faint)
    assert verdict.admitted and 0.05 < verdict.test.p_better < 0.5
    assert "is expected, not shown, to be better than the random walk" in verdict.sentence
    assert not compare(None, faint, entry=verdict.test.p_better).admitted
    assert not compare(None, faint, Place(number=4)).admitted


def test_compare__the_champions_recipe_trained_again_need_not_show_again_what_it_is_worth():
    champion, other = (made_oos(seed, signal=0.01, noise=0.0008) for seed in (1, 6))
    again = champion.assign(forecast=0.45 * champion["forecast"] + 0.55 * other["forecast"])
    changed, renewed = (compare(champion, again, place) for place in (Place(2), Place(1, renewal=True)))
    assert renewed.admitted and renewed.renewed and renewed.likeness > 0.5
    assert "the champion's recipe trained again: its forecasts correlate" in renewed.sentence
    assert not changed.admitted and not changed.renewed


def test_compare__what_forecasts_otherwise_is_no_renewal_whatever_it_is_made_of():
    champion = made_oos(1, **SKILLED)
    shuffled = champion.assign(
        forecast=champion.groupby("session")["forecast"].transform(lambda each: each[::-1].values)
    )
    verdict = compare(champion, shuffled, Place(renewal=True))
    assert not verdict.renewed and not verdict.admitted and verdict.likeness < 0.1
    assert "not shown to keep 50% of the champion's skill" in verdict.reasons


def test_compare__likeness_is_measured_within_the_session_as_rank_ic_is():
    """What both say of a session as a whole makes no order of its tickers, and is no likeness."""
    champion, other = made_oos(1), made_oos(6)
    whole = champion["session"].map(made_oos(3).groupby("session")["forecast"].first()) * 50
    alike = [
        compare(*(frame.assign(forecast=frame["forecast"] + whole) for frame in pair), Place(renewal=True)).likeness
        for pair in ((champion, other), (champion, champion))
    ]
    assert abs(alike[0]) < 0.1 and alike[1] == pytest.approx(1)


@pytest.mark.parametrize(("forecast", "alike"), [("noise", False), ("level", False), ("own", True)])
def test_compare__a_renewal_that_forecasts_otherwise_ends_its_canary_as_another_recipe(forecast: str, alike: bool):
    champion, noise = made_oos(1), made_oos(6, signal=0.01)
    level = noise.groupby("session")["forecast"].transform("first")
    own = 0.5 * champion["forecast"] + 0.5 * noise["forecast"]
    challenger = noise.assign(forecast={"noise": noise["forecast"], "level": level, "own": own}[forecast])
    verdict = compare(champion, challenger, Place(renewal=True))
    assert verdict.ends_as_renewal == alike
    assert not compare(champion, challenger, Place(2)).ends_as_renewal
    assert not verdict.admitted or ("nothing but its canary's evidence" in verdict.sentence) != alike


def test_compare__tickers_that_stand_alone_are_compared_over_all_sessions():
    champion = made_oos(1).groupby("session").head(1)
    again = champion.assign(forecast=2 * champion["forecast"])
    assert compare(champion, again, Place(renewal=True)).likeness == pytest.approx(1)


def test_compare__what_is_shown_to_be_worse_than_the_champion_is_refused_even_as_a_renewal():
    champion = made_oos(1, signal=0.06)
    worse = champion.assign(forecast=0.3 * champion["forecast"])
    verdict = compare(champion, worse, Place(renewal=True))
    assert verdict.renewed and verdict.reasons == ("shown to be worse than the champion",)


def test_compare__a_champion_without_shown_skill_yields_only_to_what_beats_the_random_walk():
    champion = made_oos(1, noise=0.002)
    alike, skilled = compare(champion, made_oos(2, noise=0.002)), compare(champion, made_oos(2, signal=0.03))
    assert not alike.admitted and skilled.admitted
    for verdict in (alike, skilled):
        assert verdict.margin == 0 and verdict.kept_share is None
        assert "The champion has shown no skill that could be kept." in verdict.sentence


def test_compare__beating_a_bad_champion_is_not_enough():
    verdict = compare(made_oos(1, noise=0.01), made_oos(2, noise=0.006))
    assert verdict.test.p_better < 0.001
    assert not verdict.admitted and not verdict.better
    assert [reason for reason in verdict.reasons if "random walk" in reason]


def test_compare__sessions_forecast_alike_speak_for_the_same_recipe():
    champion, other = made_oos(1, **SKILLED), made_oos(5, **EQUAL)
    early = champion["session"] <= champion["session"].unique()[199]
    verdict = compare(champion, other.assign(forecast=other["forecast"].where(~early, champion["forecast"])))
    assert verdict.alike == 200 and verdict.admitted
    assert "200 of them forecast alike" in verdict.sentence
    whole = compare(champion, champion)
    assert whole.admitted and whole.kept_share == 1.0 and whole.alike == 250


def test_compare__many_tickers_are_judged_by_their_order():
    champion, challenger = (many_tickers(seed, signal) for seed, signal in ((1, 0.04), (2, 0.04)))
    verdict = compare(champion, challenger)
    assert verdict.statistic == "order" and verdict.admitted
    assert verdict.champion_test.mean == pytest.approx(verdict.rank_ic_champion.mean)
    scaled = compare(champion, challenger.assign(forecast=3 * challenger["forecast"]).drop(columns=["lower", "upper"]))
    assert scaled.test == verdict.test
    zeroish = challenger.assign(forecast=challenger["forecast"] * 0 + np.where(challenger.index == 0, 1e-9, 0))
    assert not compare(champion, zeroish.drop(columns=["lower", "upper"])).admitted


def many_tickers(seed: int, signal: float) -> pd.DataFrame:
    return made_oos(seed, 200, signal, noise=0.004, tickers=[f"T{i:02d}" for i in range(60)])


def test_compare__floors_refuse_what_is_not_a_forecast():
    champion, challenger = made_oos(1, **SKILLED), made_oos(5, **EQUAL)
    broken = challenger.assign(forecast=challenger["forecast"].where(challenger.index != 700))
    assert "1 of the challenger's 1500 forecasts are not finite" in compare(champion, broken).reasons
    flat = compare(champion, challenger.assign(forecast=0.0001))
    assert "the challenger forecasts one and the same for everything" in flat.reasons


@pytest.mark.parametrize("width", [1.0, 3.5])
def test_compare__dishonest_intervals_are_refused(width):
    verdict = compare(made_oos(1, **SKILLED), made_oos(5, **EQUAL, width=width))
    assert not verdict.admitted
    assert "of labels fell inside the 90% intervals" in verdict.reasons[-1]


def test_compare__without_intervals_their_floor_is_silent():
    verdict = compare(made_oos(1, **SKILLED), made_oos(5, **EQUAL).drop(columns=["lower", "upper"]))
    assert verdict.admitted and verdict.coverage is None


def test_compare__only_the_last_common_sessions_count():
    champion, challenger = made_oos(1, sessions=400), made_oos(2, sessions=400, signal=0.1)
    window = np.sort(challenger["session"].unique())[-150:]
    spoiled = challenger.assign(
        forecast=challenger["forecast"].where(challenger["session"].isin(window), 1.0),
    )
    shorter = champion[champion["session"] <= window[-1]].iloc[::-1]
    assert compare(shorter, spoiled, gate_sessions=150).test == compare(champion, challenger, gate_sessions=150).test
    assert compare(champion, challenger).sessions == 400


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


def test_compare__the_more_recipes_were_tried_the_more_it_takes():
    challenger = made_oos(2, signal=0.0065)
    verdicts = [compare(None, challenger, Place(number)) for number in (1, 100)]
    assert [verdict.better for verdict in verdicts] == [True, False]
    assert [verdict.admitted for verdict in verdicts] == [True, False]


def test_compare__verdict_is_json_without_nan():
    values = compare(None, made_oos(5)).to_dict()
    assert json.loads(json.dumps(values, allow_nan=False))["sentence"] == values["sentence"]


@pytest.mark.parametrize("wrong", [{"alpha": 1.0}, {"alpha": 0.0}, {"retained": 1.0}])
def test_compare__unusable_arguments_are_refused(wrong):
    with pytest.raises(BadInput, match="cannot be used"):
        compare(made_oos(1), made_oos(5), **wrong)
    with pytest.raises(BadInput, match="lacks label"):
        compare(None, made_oos(5).drop(columns="label"))


def test_compare__a_challenger_that_keeps_less_than_is_asked_for_is_rarely_admitted():
    """The champion's advantage is known but for chance; the challenger has a tenth of its signal."""
    runs, admitted = 60, 0
    for i in range(runs):
        champion, challenger = made_oos(2 * i, signal=0.01), made_oos(2 * i + 1, signal=0.001)
        admitted += compare(champion, challenger).admitted
    assert admitted / runs <= 0.10
