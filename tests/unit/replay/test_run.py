"""Several policies over one market: what they decide, and that nothing but the past decides it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evergreen.core.model.targets.registry import target
from evergreen.errors import BadInput
from evergreen.replay.bars import read_bars
from evergreen.replay.breaks import parse_break
from evergreen.replay.plan import Replay
from evergreen.replay.run import replay
from evergreen.replay.walk import Walk
from tests.unit.replay.conftest import END, SMALL, START, policies

pytestmark = pytest.mark.timeout(1200)


def test_replay__leaves_what_each_policy_served_and_decided(plan: Replay) -> None:
    replayed = replay(plan)
    sessions, decisions = replayed.sessions, replayed.decisions
    assert set(sessions["policy"]) == {"never", "calendar:20", "impatient"}
    assert (sessions.groupby("policy")["session"].agg(["min", "max"]) == [START, END]).all(axis=None)
    trained = decisions[decisions["kind"] == "retrain_requested"].groupby("policy").size()
    assert "never" not in trained
    assert trained["calendar:20"] == len(sessions[sessions["policy"] == "never"]) // 20
    requests = decisions[(decisions["policy"] == "impatient") & (decisions["kind"] == "retrain_requested")]
    assert set(requests["cause"]) == {"old_age"}
    for name in ("sessions.parquet", "decisions.parquet", "summary.json"):
        assert (plan.out / name).is_file()


def test_replay__a_calendar_delivers_at_once_and_never_keeps_its_first_model(plan: Replay) -> None:
    sessions = replay(plan).sessions
    champions = sessions.groupby("policy")["champion"].unique()
    assert list(champions["never"]) == ["2"]
    assert list(champions["calendar:20"]) == ["2", "3", "4"]
    ages = sessions[sessions["policy"] == "calendar:20"]["age"]
    assert ages.max() <= 20 and ages.min() == 1


def test_replay__figures_are_those_of_the_served_forecasts(plan: Replay) -> None:
    replayed = replay(replace(plan, policies=policies("never")))
    known = replayed.sessions[replayed.sessions["n"] > 0]
    (row,) = replayed.summary["policies"]
    assert len(known) == len(replayed.sessions) - 1  # the last session's outcome has not come
    assert row["rank_ic"] == pytest.approx(known["rank_ic"].mean())
    assert row["rank_ic_lower90"] < row["rank_ic"] < row["rank_ic_upper90"]
    assert (known["loss_random_walk"] > 0).all() and (known["n"] == 6).all()
    assert 0.7 < row["coverage"] < 1.0


def test_replay__of_volatility_is_judged_by_its_own_label_and_earns_nothing(
    plan: Replay, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("volatility")
    replayed = replay(replace(plan, target="volatility", policies=policies("never"), out=out))
    bars = read_bars(plan.bars, plan.calendar, plan.end, plan.end, []).bars
    squares = target("volatility").label(bars, 1).dropna().pow(2).groupby(level="session").mean()
    known = replayed.sessions[replayed.sessions["n"] > 0].set_index("session")["loss_random_walk"]
    assert known.to_numpy() == pytest.approx(squares.reindex(known.index).to_numpy())
    (row,) = replayed.summary["policies"]
    assert replayed.summary["target"] == "volatility" and row["gain"] > 0
    assert not [name for name in row if name.startswith("costed_")]


def test_replay__bars_after_a_session_change_no_decision_up_to_it(
    plan: Replay, bars: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cut = pd.Timestamp("2001-10-26")
    later = bars["session"] > cut
    changed = bars.assign(close=np.where(later, bars["close"] * 1.7, bars["close"]))
    changed = changed.assign(high=changed[["high", "close"]].max(axis=1), volume=np.where(later, 7.0, bars["volume"]))
    folder = tmp_path_factory.mktemp("changed")
    changed.to_parquet(folder / "bars.parquet")
    before, after = replay(plan), replay(replace(plan, bars=str(folder), out=folder / "out"))
    upto = [each.decisions[each.decisions["session"] <= cut] for each in (before, after)]
    pd.testing.assert_frame_equal(*upto)
    assert len(upto[0]) > 10
    settled = [each.sessions[each.sessions["session"] < cut].reset_index(drop=True) for each in (before, after)]
    pd.testing.assert_frame_equal(*settled)
    assert not before.sessions.equals(after.sessions)


def test_replay__two_processes_give_what_one_gives(plan: Replay, tmp_path_factory: pytest.TempPathFactory) -> None:
    alone = replay(plan)
    together = replay(replace(plan, out=tmp_path_factory.mktemp("two"), workers=2))
    pd.testing.assert_frame_equal(alone.sessions, together.sessions)
    pd.testing.assert_frame_equal(alone.decisions, together.decisions)
    for one, other in zip(alone.summary["policies"], together.summary["policies"], strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}


def test_replay__interrupted_goes_on_and_ends_with_the_same(
    plan: Replay, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = replay(plan)
    out = tmp_path_factory.mktemp("interrupted")
    walked: list[str] = []
    run = Walk.run

    def stop_at_the_third(self: Walk, *arguments: object) -> Walk:
        walked.append(self.policy.name)
        if len(walked) == 3:
            raise KeyboardInterrupt
        return run(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Walk, "run", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        replay(replace(plan, out=out))
    resumed = replay(replace(plan, out=out))
    assert walked == ["never", "calendar:20", "impatient", "impatient"]
    pd.testing.assert_frame_equal(resumed.sessions, whole.sessions)
    pd.testing.assert_frame_equal(resumed.decisions, whole.decisions)


def test_replay__the_oracle_is_never_worse_than_its_next_sessions_say(plan: Replay) -> None:
    replayed = replay(replace(plan, policies=policies("never", "calendar:20", "oracle")))
    rows = {row["policy"]: row for row in replayed.summary["policies"]}
    assert rows["oracle"]["promotions"] <= rows["calendar:20"]["promotions"]
    assert set(rows["oracle"]["against"]) == {"never", "calendar:20"}
    assert rows["never"]["regret"] in (1.0, None)


def test_replay__a_leak_shines_in_its_record_and_says_nothing_when_served(plan: Replay) -> None:
    leak = parse_break("leak@2001-09-10")
    honest, leaking = (replay(replace(plan, policies=plan.policies[2:], breaks=each)) for each in ((), (leak,)))
    gained = [
        json.loads(each.decisions.loc[each.decisions["kind"] == "gate", "numbers"].iloc[1])["mean_r"]
        for each in (honest, leaking)
    ]
    assert gained[1] > gained[0] + 0.02
    assert leaking.summary["policies"][0]["breaks"][0]["break"] == "leak@2001-09-10"


def test_replay__too_short_a_history_is_one_sentence(plan: Replay) -> None:
    with pytest.raises(BadInput, match="labelled sessions leave"):
        replay(replace(plan, start=pd.Timestamp("2000-06-01"), config=SMALL))
    with pytest.raises(BadInput, match="is not after"):
        replay(replace(plan, start=END, end=START))


@pytest.mark.xdist_group("cluster")
def test_replay__the_workers_of_a_dask_scheduler_give_what_one_process_gives(
    plan: Replay, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from distributed import LocalCluster

    alone, ended = replay(plan), []
    elsewhere = replace(plan, out=tmp_path_factory.mktemp("cluster"))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster:
        together = replay(
            replace(elsewhere, dask_address=str(cluster.scheduler_address)),
            lambda what, walked, of: ended.append(what) if walked == of else None,
        )
    pd.testing.assert_frame_equal(alone.sessions, together.sessions)
    pd.testing.assert_frame_equal(alone.decisions, together.decisions)
    assert {policy.name for policy in plan.policies} <= set(ended)


def test_replay__a_gateless_policy_has_its_coverage_too(plan: Replay) -> None:
    replayed = replay(replace(plan, policies=policies("calendar:20")))
    covered = replayed.sessions.loc[replayed.sessions["n"] > 0, "covered"]
    assert covered.notna().all()
    assert 0.7 < covered.mean() < 1.0


def test_replay__a_challenger_served_wrong_is_ill_from_its_first_answer_to_its_last(plan: Replay) -> None:
    broken = parse_break("shuffled@2001-09-10")
    replayed = replay(replace(plan, policies=policies("never", "calendar:20"), breaks=(broken,)))
    never, calendar = (row["breaks"][0] for row in replayed.summary["policies"])
    served = replayed.sessions[(replayed.sessions["policy"] == "calendar:20") & (replayed.sessions["n"] > 0)]
    assert (never["sessions_to_the_cure"], never["gain_lost_meanwhile"]) == (0, None)
    assert calendar["sessions_to_the_cure"] == (served["champion"] == "3").sum() == 20


def test_replay__a_market_that_breaks_is_cured_by_the_next_champion(plan: Replay) -> None:
    broken = parse_break("sign_flip@2001-09-10")
    replayed = replay(replace(plan, policies=policies("never", "calendar:20"), breaks=(broken,)))
    never, calendar = (row["breaks"][0] for row in replayed.summary["policies"])
    served = replayed.sessions[replayed.sessions["policy"] == "calendar:20"]
    first = served[(served["session"] >= broken.session) & (served["champion"] == "2")]
    assert never["sessions_to_the_cure"] is None
    assert calendar["sessions_to_the_cure"] == len(first)
    assert never["gain_lost_meanwhile"] > 0
