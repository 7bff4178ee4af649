"""A run of a deployment asked for by name, with parameters as text, and waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from evergreen.adapters.infra.prefect_api import FlowRun, PrefectApi
from evergreen.errors import BadInput, Unavailable

PAUSE = 2.0  # seconds between two questions; a flow run takes six to start
PATIENCE = 180.0  # seconds of silence: a server on SQLite answers nothing for a while when it is busy
OUTCOMES = {"COMPLETED": 0, "FAILED": 1, "CRASHED": 1, "CANCELLED": 3}  # exit codes; 2 is the caller's own mistake


def parse_parameters(given: Iterable[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a deployment from NAME=VALUE texts.

    A value is taken as it stands where the deployment wants a text, else it is JSON: `as_of=2008-10-31`,
    `dry_run=true`, `tickers=["AAPL","IBM"]`.

    Args:
        given: NAME=VALUE, one a parameter.
        schema: the deployment's parameters by name, each with its JSON schema.

    Raises:
        BadInput: no NAME=VALUE, a name the deployment does not know, or a value that is no JSON.
    """
    parameters = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or name not in schema:
            known = ", ".join(sorted(schema)) or "none"
            raise BadInput(f"{text!r} is no parameter of this deployment.", f"Give NAME=VALUE; known names: {known}.")
        parameters[name] = value if _takes_text(schema[name]) else _json(name, value)
    return parameters


def _takes_text(schema: Mapping[str, Any]) -> bool:
    choices = [schema, *schema.get("anyOf", ())]
    return any(choice.get("type") == "string" or "$ref" in choice or "allOf" in choice for choice in choices)


def _json(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise BadInput(f"{name}={value} is no JSON.", 'Write it as true, 20 or ["AAPL","IBM"].') from None


def wait_for(api: PrefectApi, run: FlowRun, tell: Callable[[FlowRun], None]) -> FlowRun:
    """The run once it has ended; `tell` hears of each state it goes through.

    Raises:
        Unavailable: the server has not answered for minutes.
    """
    tell(run)
    for state in follow(api, run, PAUSE):
        if state.state != run.state:
            tell(state)
        run = state
    return run


def follow(api: PrefectApi, run: FlowRun, pause: float, patience: float = PATIENCE) -> Iterator[FlowRun]:
    """The run as it comes along, until it has ended; a server that is busy is asked again for a while.

    Raises:
        Unavailable: it has not answered for `patience` seconds.
    """
    heard = time.monotonic()
    while not run.finished:
        time.sleep(pause)
        try:
            run = api.read(run.id)
            heard = time.monotonic()
        except Unavailable:
            if time.monotonic() - heard > patience:
                raise
        yield run
