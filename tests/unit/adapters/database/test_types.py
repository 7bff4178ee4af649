from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pandas as pd
import pytest
from sqlalchemy import Engine

from evergreen.adapters.database import decisions, reading, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.core.bars.session import iso
from evergreen.errors import BadInput

TOKYO = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    "session", ["2008-09-15", "2008-09-15T00:00:00", date(2008, 9, 15), pd.Timestamp("2008-09-15")]
)
def test_iso__every_way_to_name_a_session_is_the_same_date(session: str | date) -> None:
    assert iso(session) == "2008-09-15"


@pytest.mark.parametrize("session", ["", "yesterday", "2008-02-30"])
def test_iso__text_that_is_no_date_is_refused(session: str) -> None:
    with pytest.raises(BadInput, match="is not a session"):
        iso(session)


def test_moments__come_back_in_utc_whatever_zone_they_went_in(
    engine: Engine, decided: Callable[..., Decision], now: datetime
) -> None:
    with writing(engine) as conn:
        decisions.append(conn, replace(decided(), at=now.astimezone(TOKYO)))
    with reading(engine) as conn:
        moment = decisions.recent(conn, "m")[0].at
    assert (moment, moment.utcoffset()) == (now, timedelta(0))


def test_moments__without_a_zone_are_refused(engine: Engine, decided: Callable[..., Decision]) -> None:
    with pytest.raises(BadInput, match="no time zone"), writing(engine) as conn:
        decisions.append(conn, replace(decided(), at=datetime(2008, 9, 15)))
