"""What a run is called in the UI: what it does, and for which session."""

from __future__ import annotations

from contextlib import suppress

from prefect.runtime import flow_run

from evergreen.adapters.database import reading, requests
from evergreen.core.bars.session import iso
from evergreen.errors import EvergreenError
from evergreen.workspace import workspace
from flows.clock import resolve_session


def flow_and_session() -> str:
    """`daily 2026-11-25`: the flow, and the session it was given or stands at."""
    with suppress(EvergreenError):
        return f"{_flow()} {iso(resolve_session(flow_run.get_parameters().get('as_of'), workspace()))}"
    return _flow()  # the run itself says what is wrong


def flow_and_request() -> str:
    """`retrain drift 2008-10-31`: the flow, why the request was made, and the session it stands at."""
    request_id = flow_run.get_parameters().get("request_id")
    if request_id is None:
        return f"{_flow()} asked for by hand"
    with suppress(EvergreenError), reading(workspace().engine) as conn:
        request = requests.read(conn, request_id)
        return f"{_flow()} {request.cause} {request.as_of}"
    return f"{_flow()} {request_id}"


def flow_and_action() -> str:
    """`rollback restore 2008-10-31`: the flow, what a person decided, and the session it stands at."""
    return flow_and_session().replace(_flow(), f"{_flow()} {flow_run.get_parameters().get('action', '')}", 1)


def flow_and_span() -> str:
    """`replay 2008-09-02 to 2009-02-06`: the flow, and the sessions it walks."""
    given = flow_run.get_parameters()
    return f"{_flow()} {given['start']} to {given['end']}"


def _flow() -> str:
    return str(flow_run.get_flow_name())
