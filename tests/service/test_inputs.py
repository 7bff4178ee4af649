"""What an answer says of its inputs, and what the policy `refuse` makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.service.running import Client, ask, with_service
from tests.service.world import World, ready_world


def odd_world(home: Path, **changes: object) -> World:
    """IBM lacks two features of five; three of GOOG's are beyond anything in training."""
    world = ready_world(home, **changes)
    world.store.features.loc["IBM", ["F1", "F3"]] = np.nan
    world.store.features.loc["GOOG", ["F0", "F2", "F4"]] = [90.0, -90.0, 90.0]
    return world


def answer_to(world: World, ticker: str, name: str = "somebody") -> tuple[int, dict[str, object]]:
    answer = with_service(world, lambda client: ask(client, name, ticker))
    return answer.status_code, answer.json()


@pytest.mark.parametrize("weight", [0, 10_000])
@pytest.mark.parametrize(
    ("ticker", "missing", "incomplete", "outside", "unusual"),
    [("AAPL", 0.0, False, 0.0, False), ("IBM", 0.4, True, 0.0, False), ("GOOG", 0.0, False, 0.6, True)],
)
def test_answer__says_what_is_missing_and_what_the_model_never_met(
    tmp_path: Path, weight: int, ticker: str, missing: float, incomplete: bool, outside: float, unusual: bool
) -> None:
    status, answer = answer_to(odd_world(tmp_path, weight=weight), ticker)
    assert status == 200
    assert (answer["missing"], answer["incomplete"]) == (missing, incomplete)
    assert (answer["outside"], answer["out_of_distribution"]) == (outside, unusual)


@pytest.mark.parametrize(("ticker", "status"), [("AAPL", 200), ("IBM", 422), ("GOOG", 422), ("NOSUCH", 404)])
def test_refuse__answers_only_from_good_inputs(tmp_path: Path, ticker: str, status: int) -> None:
    answered, answer = answer_to(odd_world(tmp_path, bad_inputs="refuse"), ticker)
    assert answered == status and (status == 200 or ticker in str(answer["error"]))


def test_refuse__among_many_the_bad_ticker_alone_has_no_answer_and_no_record(tmp_path: Path) -> None:
    world = odd_world(tmp_path, bad_inputs="refuse")

    def many(client: Client) -> object:
        return client.post("/v1/predictions", json={"tickers": ["AAPL", "IBM"]})

    answer = with_service(world, many)  # type: ignore[arg-type]
    assert answer.status_code == 200 and [each["ticker"] for each in answer.json()["predictions"]] == ["AAPL"]
    (unanswered,) = answer.json()["unanswered"]
    assert unanswered["ticker"] == "IBM" and "40% of the features of 'IBM' are missing" in unanswered["error"]
    with world.engine.connect() as conn:
        assert conn.exec_driver_sql("SELECT ticker FROM prediction").scalars().all() == ["AAPL"]


@pytest.mark.parametrize(("policy", "status"), [("tell", 200), ("refuse", 503)])
def test_stale__is_told_or_refused_by_policy(tmp_path: Path, policy: str, status: int) -> None:
    world = ready_world(tmp_path, bad_inputs=policy)
    world.process(pd.Timestamp("2008-09-19"))
    answered, answer = answer_to(world, "AAPL")
    assert answered == status
    assert answer.get("stale") is True or "5 sessions old, 3 are allowed" in str(answer["error"])
