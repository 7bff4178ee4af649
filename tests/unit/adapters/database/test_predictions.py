from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from evergreen.adapters.database import predictions, reading
from evergreen.adapters.database.predictions import Prediction
from evergreen.errors import BadInput, NotFound

Answer = Callable[..., Prediction]


@pytest.fixture
def answer(now: datetime) -> Answer:
    plain = Prediction(
        id="p0",
        at=now + timedelta(microseconds=1),
        client="anna",
        ticker="AAPL",
        as_of="2008-09-15",
        arm="champion",
        version="1",
        price=140.36 * math.exp(0.001),
        lower=130.1,
        upper=150.2,
        last_close=140.36,
        forecast=0.001,
        feature_hash="f" * 64,
        champion_version="1",
        champion_raw=0.001,
        rollout_version=3,
    )
    return lambda **changes: replace(plain, **changes)


def test_insert_many__what_is_found_is_what_was_served_to_the_bit(engine: Engine, answer: Answer) -> None:
    served = [answer(), answer(id="p1", challenger_version="2", challenger_raw=1e-17 / 3, arm="challenger")]
    predictions.insert_many(engine, served)
    with reading(engine) as conn:
        assert [predictions.find(conn, one.id) for one in served] == served


def test_insert_many__challenger_without_a_finite_number_is_kept_as_none(engine: Engine, answer: Answer) -> None:
    predictions.insert_many(engine, [answer(challenger_version="2", challenger_raw=math.nan)])
    with reading(engine) as conn:
        assert predictions.find(conn, "p0").challenger_raw is None


def test_insert_many__is_all_or_nothing(engine: Engine, answer: Answer) -> None:
    with pytest.raises(IntegrityError):
        predictions.insert_many(engine, [answer(), answer(id="p1"), answer()])
    with reading(engine) as conn:
        assert predictions.count(conn) == 0


def test_insert_many__of_nothing_is_nothing(engine: Engine) -> None:
    predictions.insert_many(engine, [])


def test_insert_many__moment_without_a_zone_is_refused(engine: Engine, answer: Answer) -> None:
    with pytest.raises(BadInput, match="no time zone"):
        predictions.insert_many(engine, [answer(at=datetime(2008, 9, 15))])


def test_find__unknown_id_is_named(engine: Engine) -> None:
    with reading(engine) as conn, pytest.raises(NotFound, match="no prediction 'p9'"):
        predictions.find(conn, "p9")


def test_asked__pairs_of_client_and_ticker_at_one_session(engine: Engine, answer: Answer) -> None:
    rows = [answer(), answer(id="p1"), answer(id="p2", client="bo"), answer(id="p3", as_of="2008-09-16")]
    predictions.insert_many(engine, rows)
    with reading(engine) as conn:
        assert predictions.askers(conn, "2008-09-15") == {("anna", "AAPL"), ("bo", "AAPL")}


def test_by_arm__counts_since_a_moment(engine: Engine, answer: Answer, now: datetime) -> None:
    later = now + timedelta(hours=1)
    rows = [answer(), answer(id="p1", at=later), answer(id="p2", at=later, arm="challenger", version="2")]
    predictions.insert_many(engine, rows)
    with reading(engine) as conn:
        assert predictions.by_arm(conn, later) == {("champion", "1"): 1, ("challenger", "2"): 1}
        assert predictions.by_arm(conn, now) == {("champion", "1"): 2, ("challenger", "2"): 1}
