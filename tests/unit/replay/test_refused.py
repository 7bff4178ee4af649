"""What cannot be walked is refused in one sentence before anything is fitted; what was walked is said as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evergreen.errors import BadInput, BadSetting, NoBars, NotFound
from evergreen.replay.bars import open_bars, read_bars
from evergreen.replay.breaks import parse_break
from evergreen.replay.plan import Replay, shipped
from evergreen.replay.run import read_replayed, replay
from tests.unit.replay.conftest import END, START, policies

TWICE = (parse_break("sign_flip@2001-09-10"), parse_break("sign_flip@2001-09-10"))


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"start": END, "end": START}, "is not after"),
        ({"policies": ()}, "no policy is to be walked"),
        ({"workers": 0}, "0 workers"),
        ({"workers": -1}, "-1 workers"),
        ({"seed": -1}, "the seed -1"),
        ({"seed": 2**40}, "the seed 1099511627776"),
        ({"train_sessions": -5}, "-5 sessions leave none"),
        ({"breaks": TWICE}, "sign_flip@2001-09-10 is asked for twice"),
    ],
)
def test_plan__a_choice_that_nothing_can_be_walked_by_is_refused(
    plan: Replay, choice: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        replace(plan, **choice)


def test_plan__a_learner_that_nobody_registered_is_refused_before_the_bars_are_read(plan: Replay) -> None:
    with pytest.raises(BadSetting, match="no learner 'nobody'"):
        replace(plan, learner="nobody")


def test_replay__a_break_after_the_last_session_is_refused(plan: Replay) -> None:
    with pytest.raises(BadInput, match="sign_flip@2001-12-03 breaks nothing: the walk ends on 2001-11-30"):
        replay(replace(plan, breaks=(parse_break("sign_flip@2001-12-03"),)))


def test_replay__a_folder_that_cannot_be_one_is_refused(plan: Replay, tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.touch()
    for out in (file, file / "below"):
        with pytest.raises(BadSetting, match="cannot be made"):
            replay(replace(plan, out=out))


def test_replay__says_which_sessions_it_walked_and_what_fitted_its_models(plan: Replay) -> None:
    summary = replay(replace(plan, end=pd.Timestamp("2030-01-02"), policies=policies("never"))).summary
    last = pd.read_parquet(plan.bars)["session"].max()
    assert (summary["from"], summary["to"]) == ("2001-09-04", f"{last:%Y-%m-%d}")
    assert (summary["tickers"], summary["learner"]) == (6, "lightgbm")


def test_replay__a_single_ticker_has_no_order(plan: Replay, bars: pd.DataFrame) -> None:
    alone = replace(plan, tickers=(str(bars["ticker"].iloc[0]),), policies=policies("never", "calendar:20"))
    for row in replay(alone).summary["policies"]:
        assert row["rank_ic"] is None and row["ic"] is None and row["gain"] is not None
        assert all(numbers["rank_ic"] is None for numbers in row["against"].values())


def test_read_bars__names_each_ticker_of_which_there_is_none(plan: Replay, bars: pd.DataFrame) -> None:
    there = str(bars["ticker"].iloc[0])
    with pytest.raises(NoBars, match=r"no bars of NOPE up to"):
        read_bars(plan.bars, "", START, END, [there, "NOPE"])
    with pytest.raises(NoBars, match=r"no bars of ALSO, NOPE up to"):
        read_bars(plan.bars, "", START, END, ["ALSO", "NOPE"])


def test_open_bars__another_exchange_than_the_sources_is_refused(plan: Replay) -> None:
    assert open_bars("sample").calendar == open_bars("sample", "NYSE").calendar == "XNYS"
    assert open_bars("sample", usual="XLON").calendar == "XNYS"
    assert open_bars(plan.bars, usual="XLON").calendar == open_bars(plan.bars, "XLON").calendar == "XLON"
    with pytest.raises(BadSetting, match="sample follows the sessions of XNYS, not of XLON"):
        open_bars("sample", "XLON")


@pytest.mark.parametrize("session", ["2008", "today", "2008-09-15T09:00Z", "2008-09-15+00:00", "2008-02-30", ""])
def test_parse_break__a_session_is_a_date(session: str) -> None:
    with pytest.raises(BadSetting, match="cannot be read"):
        parse_break(f"sign_flip@{session}")


def test_shipped__a_file_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "policies.toml"
    binary.write_bytes(b"\xff\xfe[a]")
    for file in (binary, tmp_path, tmp_path / "absent.toml"):
        with pytest.raises(BadSetting, match="cannot be read"):
            shipped(["never"], file)


def test_replay__a_horizon_beyond_the_bars_is_refused(tmp_path: Path) -> None:
    plan = Replay(
        "simulated:tickers=2,seed=7,years=2",
        pd.Timestamp("2001-06-01"),
        pd.Timestamp("2001-06-29"),
        shipped(["never"]),
        tmp_path,
        horizon=100_000,
    )
    with pytest.raises(BadInput, match="known 100,000 sessions ahead"):
        replay(plan)


def test_read_replayed__a_folder_without_results_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="holds no results of a replay"):
        read_replayed(tmp_path)
