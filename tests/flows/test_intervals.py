"""Intervals go on learning while a model serves, by the rule its walk-forward record was made with."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.database import intervals, reading, writing
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.service.store import DiskStore
from evergreen.workspace import Workspace
from tests.flows.conftest import TICKERS

pytestmark = pytest.mark.xdist_group("lived")
MODEL = "evergreen"


def _walk(session: pd.Timestamp, at: Workspace) -> None:
    from flows.clock import now_at
    from flows.daily import process_session

    process_session("sample", TICKERS, session, now_at(session, at))


def test_settle__moves_the_band_by_what_the_last_session_missed(copied: Workspace) -> None:
    from evergreen.research.registered import serving_manifest

    with reading(copied.engine) as conn:
        before = intervals.read(conn, MODEL)
        forecast = intervals.forecasts_at(conn, "2", before.session)
    assert before is not None and set(forecast) == set(before.scales) == set(TICKERS)
    session = Calendar("XNYS").next(pd.Timestamp(before.session))
    _walk(session, copied)
    bars = copied.bars.as_of(start=pd.Timestamp(before.session), end=session)
    close = bars.assign(price=bars["close"] * bars["factor"]).pivot(index="session", columns="ticker", values="price")
    outcome = np.log(close.iloc[1] / close.iloc[0])
    scores = np.array([(outcome[name] - forecast[name]) / before.scales[name] for name in TICKERS])
    with reading(copied.engine) as conn:
        after = intervals.read(conn, MODEL)
    band = before.bands["2"]
    assert after.session == iso(session) and after.bands["2"] == band.moved(scores, band, 0.9)
    expected = {name: math.sqrt(0.94 * before.scales[name] ** 2 + 0.06 * outcome[name] ** 2) for name in TICKERS}
    assert after.scales == pytest.approx(expected, rel=2e-3)
    manifest = serving_manifest(copied)
    assert manifest is not None and after.scales == pytest.approx(manifest.scales, rel=0.6)


def test_settle__a_session_settled_again_leaves_the_same_row(copied: Workspace) -> None:
    from tasks.outcomes import settle_outcomes

    with reading(copied.engine) as conn:
        before = intervals.read(conn, MODEL)
    session = pd.Timestamp(before.session)
    settle_outcomes.fn(session, "data", session.tz_localize("UTC").to_pydatetime())
    with reading(copied.engine) as conn:
        assert intervals.read(conn, MODEL) == before
        assert intervals.read(conn, MODEL, session - pd.Timedelta(days=900)) is None


def test_service__reads_the_intervals_of_the_session_its_features_stand_at(copied: Workspace) -> None:
    universe = DiskStore(copied.settings).universe()
    assert universe.standing is not None and universe.standing.session == max(universe.dates)
    with writing(copied.engine) as conn:
        intervals.record(conn, MODEL, universe.standing)
        assert intervals.read(conn, MODEL) == universe.standing
