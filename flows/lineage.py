"""What each flow run tells of itself in OpenLineage's words, where the setting `lineage` names a place for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

import prefect
from prefect import Flow, State
from prefect.client.schemas import FlowRun
from prefect.client.schemas.objects import StateType
from prefect.flows import FlowStateHook
from prefect.logging import get_logger

from evergreen.adapters.infra.openlineage import LineageEvent, send
from evergreen.errors import EvergreenError
from evergreen.ops.lineage import lineage_of
from evergreen.workspace import workspace

Kind = Literal["START", "COMPLETE", "FAIL", "ABORT"]
KINDS: dict[StateType, Kind] = {
    StateType.RUNNING: "START",
    StateType.COMPLETED: "COMPLETE",
    StateType.FAILED: "FAIL",
    StateType.CRASHED: "FAIL",
    StateType.CANCELLING: "ABORT",
}


def tell_lineage(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Tell of a run's turn; one that cannot be told is logged, and the run goes on."""
    at = workspace()
    if not at.settings.lineage:
        return
    lineage = lineage_of(at, flow.name, flow_run.parameters)
    event = LineageEvent(
        kind=KINDS[state.type],
        at=datetime.now(UTC),
        run_id=str(flow_run.id),
        job=flow.name,
        namespace=f"evergreen://{at.settings.model_name}",
        engine=("Prefect", prefect.__version__),
        inputs=lineage.inputs,
        outputs=lineage.outputs,
        provenance=lineage.provenance,
        error=_error(state),
    )
    if failure := send(event, at.settings.lineage):
        get_logger("evergreen.lineage").warning(failure)


def _error(state: State[Any]) -> str:
    """Why a run failed; of an error that is not meant for a person only its name, for its words may hold a secret."""
    if KINDS[state.type] != "FAIL":
        return ""
    raised = getattr(state.data, "result", state.data)
    if isinstance(raised, EvergreenError):
        return str(raised)
    return type(raised).__name__ if isinstance(raised, BaseException) else str(state.name)


class LineageHooks(TypedDict):
    """As `prefect.flow` takes them."""

    on_running: list[FlowStateHook[..., Any]]
    on_completion: list[FlowStateHook[..., Any]]
    on_failure: list[FlowStateHook[..., Any]]
    on_crashed: list[FlowStateHook[..., Any]]
    on_cancellation: list[FlowStateHook[..., Any]]


LINEAGE = LineageHooks(
    on_running=[tell_lineage],
    on_completion=[tell_lineage],
    on_failure=[tell_lineage],
    on_crashed=[tell_lineage],
    on_cancellation=[tell_lineage],
)
