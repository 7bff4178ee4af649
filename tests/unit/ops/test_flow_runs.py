from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from evergreen.adapters.infra.prefect_api import FlowRun, PrefectApi
from evergreen.errors import BadInput, Unavailable
from evergreen.ops.flow_runs import follow, parse_parameters

SCHEMA: dict[str, Any] = {
    "as_of": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    "request_id": {"type": "string"},
    "dry_run": {"type": "boolean"},
    "tickers": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
}


def test_parse_parameters__takes_texts_as_they_stand_and_the_rest_as_json() -> None:
    given = ["as_of=2008-10-31", "request_id=123", "dry_run=true", 'tickers=["AAPL","IBM"]']
    assert parse_parameters(given, SCHEMA) == {
        "as_of": "2008-10-31",
        "request_id": "123",
        "dry_run": True,
        "tickers": ["AAPL", "IBM"],
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("as_off=2008-10-31", "known names: as_of, dry_run"), ("dry_run", "NAME=VALUE"), ("dry_run=maybe", "no JSON")],
)
def test_parse_parameters__says_what_it_does_not_take(text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        parse_parameters([text], SCHEMA)


class BusyServer:
    """Answers with the given states in turn; None is no answer."""

    def __init__(self, *states: str | None) -> None:
        self._states: Iterator[str | None] = iter(states)

    def read(self, flow_run: str) -> FlowRun:
        state = next(self._states)
        if state is None:
            raise Unavailable("The Prefect server did not answer.")
        return run_in(state)


def run_in(state: str) -> FlowRun:
    return FlowRun("1", "a-run", state, "")


def test_follow__a_server_that_is_silent_for_a_while_is_asked_again() -> None:
    api = cast(PrefectApi, BusyServer("PENDING", None, None, "RUNNING", None, "COMPLETED"))
    states = [run.state for run in follow(api, run_in("SCHEDULED"), pause=0, patience=60)]
    assert states == ["PENDING", "PENDING", "PENDING", "RUNNING", "RUNNING", "COMPLETED"]


def test_follow__a_server_that_stays_silent_is_not_waited_for() -> None:
    with pytest.raises(Unavailable):
        list(follow(cast(PrefectApi, BusyServer(None)), run_in("SCHEDULED"), pause=0, patience=0))
