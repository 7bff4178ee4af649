"""The canary's walk through its stages, on losses written for the purpose."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from evergreen.adapters.database import decisions, evidence, ledger, predictions, reading, requests, rollouts, writing
from evergreen.adapters.database.predictions import Prediction
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.canary import LADDER, CanaryRecord, QualityTest
from evergreen.core.canary.guardrails import OutputLimits
from evergreen.core.gate.verdict import Verdict
from evergreen.errors import BadSetting
from evergreen.replay.breaks import parse_break
from evergreen.service.answering import new_ids
from evergreen.workspace import Workspace, open_workspace, workspace
from tests.flows.conftest import TICKERS

pytestmark = pytest.mark.xdist_group("lived")
MODEL, CHAMPION, CHALLENGER = "evergreen", "2", "3"
NOW = datetime(2009, 1, 2, 22, tzinfo=UTC)
WALK = Calendar("XNYS").sessions(pd.Timestamp("2009-01-02"), pd.Timestamp("2009-06-30"))
LIMITS = OutputLimits(residual_sigma=0.02, target_low=-0.3, target_high=0.3, rank_correlation=-1.0)


@pytest.fixture
def in_shadow(copied: Workspace) -> Workspace:
    """Version 2 as champion, a copy of it called version 3 just gone into shadow."""
    _in_shadow_at(copied, WALK[0])
    return copied


def _in_shadow_at(copied: Workspace, day: pd.Timestamp) -> str:
    from tasks.gate import Judgement
    from tasks.rollout import deliver

    with writing(copied.engine) as conn:
        known = ledger.read_model_version(conn, MODEL, CHAMPION)
        ledger.record_model_version(conn, replace(known, version=CHALLENGER, run_id="copy"))
        request, _ = requests.request(conn, MODEL, "test", "data", day, {}, NOW)
        rollout = rollouts.current(conn, MODEL)
    shutil.copytree(copied.model_folder(CHAMPION), copied.model_folder(CHALLENGER))
    if rollout.champion != CHAMPION:
        promotion = decisions.Decision(
            at=NOW, model=MODEL, kind="promote", as_of=request.as_of, subject=CHAMPION, summary="for the test"
        )
        rollouts.change(copied.engine, rollout, promotion, champion=CHAMPION)
    admitted = Verdict(admitted=True, better=False, reasons=(), sessions=120)
    deliver(request, Judgement(CHALLENGER, CHAMPION, admitted, CanaryRecord(limits=LIMITS).with_test(_test())), NOW)
    return CHAMPION


def _test() -> QualityTest:
    noise = np.random.default_rng(3).normal(0, 0.02, (2, 120))
    return QualityTest(*(np.exp(noise) * 1e-4))


def _live(at: Workspace, errors: tuple[float, float], seed: int = 6) -> None:
    """Write what both models forecast in each session, and what came true: nothing, on all tickers."""
    generator = np.random.default_rng(seed)
    rows = pd.MultiIndex.from_product([WALK, TICKERS], names=["session", "ticker"]).to_frame(index=False)
    for version, error in zip((CHAMPION, CHALLENGER), errors, strict=True):
        value = error * np.exp(generator.normal(0, 0.01, len(rows)))
        forecasts = rows.assign(version=version, value=value, feature_hash="-", made_at=NOW)
        with writing(at.engine) as conn:
            evidence.record_forecasts(conn, forecasts)
    settled = rows.assign(horizon=1, target="return", value=0.0, known_at=NOW, data_version="data")
    with writing(at.engine) as conn:
        evidence.record_outcomes(conn, settled)


def _walk(at: Workspace, days: int, restart: bool = False) -> list[str]:
    """Look once a session; the stages gone through, in order."""
    from tasks.canary import look_at_canary

    stages = []
    for session in WALK[1 : days + 1]:
        if restart:
            open_workspace.cache_clear()
        _forget_after(workspace(), session)
        look_at_canary(session, NOW)
        with reading(workspace().engine) as conn:
            stages.append(rollouts.current(conn, MODEL).stage)
    return list(dict.fromkeys(stages))


def _forget_after(at: Workspace, session: pd.Timestamp) -> None:
    """Only what has settled before `session` counts: later outcomes wait in a side table of the test."""
    from sqlalchemy import text

    with writing(at.engine) as conn:
        conn.execute(text("create table if not exists later as select * from outcome where 0"))
        conn.execute(text("insert into later select * from outcome where session >= :s"), {"s": iso(session)})
        conn.execute(text("delete from outcome where session >= :s"), {"s": iso(session)})
        conn.execute(text("insert into outcome select * from later where session < :s"), {"s": iso(session)})
        conn.execute(text("delete from later where session < :s"), {"s": iso(session)})


def test_canary__equal_challenger_goes_up_the_ramp_and_is_promoted(in_shadow: Workspace) -> None:
    _live(in_shadow, (0.010, 0.010))
    assert _walk(in_shadow, 60) == [*LADDER.names[1:], "steady"]
    with reading(in_shadow.engine) as conn:
        rollout = rollouts.current(conn, MODEL)
        assert (rollout.champion, rollout.previous_champion, rollout.weight) == (CHALLENGER, CHAMPION, 0)
        assert decisions.recent(conn, MODEL, 1)[0].kind == "promote"
        assert decisions.verify(conn) == []


def test_canary__worse_challenger_is_rolled_back_and_the_champion_stays(in_shadow: Workspace) -> None:
    _live(in_shadow, (0.010, 0.014))
    stages = _walk(in_shadow, 30)
    assert stages[-1] == "steady"
    assert LADDER.names[-1] not in stages
    with reading(in_shadow.engine) as conn:
        assert rollouts.current(conn, MODEL).champion == CHAMPION
        assert decisions.recent(conn, MODEL, 1)[0].kind == "rollback"


def test_canary__output_out_of_all_proportion_ends_it_at_the_first_look(in_shadow: Workspace) -> None:
    _live(in_shadow, (0.010, 0.9))
    assert _walk(in_shadow, 1) == ["steady"]
    with reading(in_shadow.engine) as conn:
        assert "Guardrail" in decisions.recent(conn, MODEL, 1)[0].summary


def test_canary__restart_before_each_look_changes_no_decision(in_shadow: Workspace) -> None:
    _live(in_shadow, (0.010, 0.010))
    assert _walk(in_shadow, 60, restart=True) == [*LADDER.names[1:], "steady"]


def test_canary__session_looked_at_again_changes_nothing(in_shadow: Workspace) -> None:
    from tasks.canary import look_at_canary

    _live(in_shadow, (0.010, 0.010))
    _walk(in_shadow, 3)
    with reading(in_shadow.engine) as conn:
        before = rollouts.current(conn, MODEL)
    assert "already" in look_at_canary(WALK[3], NOW)
    with reading(in_shadow.engine) as conn:
        assert rollouts.current(conn, MODEL) == before


def test_rollback__a_person_ends_the_canary(in_shadow: Workspace) -> None:
    from tasks.rollout import end_rollout

    rollout = end_rollout("cancel", "it looked wrong", iso(WALK[1]), NOW)
    assert (rollout.champion, rollout.challenger, rollout.stage) == (CHAMPION, None, "steady")


def test_rollback__previous_champion_comes_back(in_shadow: Workspace) -> None:
    from tasks.rollout import end_rollout

    end_rollout("promote", "a person says so", iso(WALK[1]), NOW)
    rollout = end_rollout("restore", "it was wrong", iso(WALK[2]), NOW)
    assert (rollout.champion, rollout.previous_champion) == (CHAMPION, CHALLENGER)


def test_canary__an_arm_that_serves_another_number_than_its_model_stops_the_canary_at_once(copied: Workspace) -> None:
    from flows.clock import now_at
    from flows.daily import process_session
    from tasks.canary import look_at_canary

    day = Calendar("XNYS").next(pd.Timestamp("2008-07-07"))
    sound = _in_shadow_at(copied, pd.Timestamp("2008-07-07"))
    process_session("sample", TICKERS, day, now_at(day, copied))
    assert "clean session" in look_at_canary(day, NOW, dry_run=True)
    with writing(copied.engine) as conn:
        conn.execute(text("update forecast set value = value * 3 where version = :v"), {"v": CHALLENGER})
    assert "3 times what was computed" in look_at_canary(day, NOW)
    with reading(copied.engine) as conn:
        rollout, last = rollouts.current(conn, MODEL), decisions.recent(conn, MODEL, 1)[0]
    assert (rollout.champion, rollout.challenger, rollout.stage) == (sound, None, "steady")
    assert (last.kind, last.subject) == ("mismatch", CHALLENGER)


@pytest.mark.parametrize("kind", ["shuffled", "late"])
def test_canary__a_challenger_that_is_handed_other_features_is_stopped_at_its_first_session(
    copied: Workspace, kind: str
) -> None:
    from flows.clock import now_at
    from flows.daily import process_session
    from tasks.canary import look_at_canary

    day = Calendar("XNYS").next(pd.Timestamp("2008-07-07"))
    sound = _in_shadow_at(copied, pd.Timestamp("2008-07-07"))
    process_session("sample", TICKERS, day, now_at(day, copied), broken=parse_break(f"{kind}@{iso(day)}"))
    look_at_canary(day, NOW)
    with reading(copied.engine) as conn:
        rollout, last = rollouts.current(conn, MODEL), decisions.recent(conn, MODEL, 1)[0]
    assert (rollout.champion, rollout.challenger) == (sound, None)
    assert (last.kind, last.subject) == ("mismatch", CHALLENGER)


def test_rehearsal__breaks_only_what_a_challenger_is_served() -> None:
    from tasks.rehearsal import parse_rehearsed

    with pytest.raises(BadSetting, match="cannot break 'regime'"):
        parse_rehearsed("regime:2008@2009-02-09")
    with pytest.raises(BadSetting, match="cannot be read"):
        parse_rehearsed("shuffled")


def test_canary__an_answer_that_is_not_what_was_on_record_stops_the_canary(copied: Workspace) -> None:
    from flows.clock import now_at
    from flows.daily import process_session
    from tasks.canary import look_at_canary

    day = Calendar("XNYS").next(pd.Timestamp("2008-07-07"))
    _in_shadow_at(copied, pd.Timestamp("2008-07-07"))
    process_session("sample", TICKERS, day, now_at(day, copied))
    _answer(copied, day)
    assert "clean session" in look_at_canary(day, NOW, dry_run=True)
    _answer(copied, day, times=-1.0)
    look_at_canary(day, NOW)
    with reading(copied.engine) as conn:
        last = decisions.recent(conn, MODEL, 1)[0]
    assert (last.kind, last.subject) == ("mismatch", CHALLENGER)
    assert "told otherwise" in last.summary


def _answer(at: Workspace, day: pd.Timestamp, times: float = 1.0) -> None:
    """One client asks for every ticker; the challenger's number is so many times what its model says."""
    with reading(at.engine) as conn:
        version = rollouts.current(conn, MODEL).champion
        champion, challenger = (evidence.forecasts(conn, each, day) for each in (version, CHALLENGER))
    both = champion.merge(challenger, on=["ticker", "feature_hash"], suffixes=("", "_challenger"))
    assert len(both) == len(TICKERS)
    rows = [
        Prediction(
            id=new_ids(1)[0], at=NOW, client="anna", ticker=row.ticker, as_of=iso(day), arm="champion", version=version,
            price=1.0, lower=1.0, upper=1.0, last_close=1.0, forecast=row.value, feature_hash=row.feature_hash,
            champion_version=version, champion_raw=row.value, challenger_version=CHALLENGER,
            challenger_raw=times * row.value_challenger, rollout_version=1,
        )
        for row in both.itertuples()
    ]  # fmt: skip
    predictions.insert_many(at.engine, rows)
