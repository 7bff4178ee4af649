"""The Prefect server's HTTP API, as far as a command line needs it (`evergreen` never imports Prefect)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from evergreen.adapters.infra.accounts import Account, prefect_account, require_admitted
from evergreen.adapters.infra.running import Running
from evergreen.adapters.infra.urls import trusts_proxy
from evergreen.errors import BadInput, BadSetting, NotFound, Unavailable

AdaptTemplate = Callable[[dict[str, Any]], dict[str, Any]]
BUSY_PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds; SQLite gives up on a lock after some of them
REFUSALS = (httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY)  # parameters its schema does not take
UNFINISHED = ("RUNNING", "PENDING", "CANCELLING")
FAILED = ("FAILED", "CRASHED")
ENDED = ("COMPLETED", *FAILED)
EXCEPTION = re.compile(r"^(?:Flow|Task) run encountered an exception:? (?:\w+: )?")  # before what was raised
PATIENCE = 30.0  # seconds for an answer; a busy SQLite server takes some
HURRIED = 2.0  # seconds, once, where somebody only wants to see how things stand


@dataclass(frozen=True)
class FlowRun:
    """A flow run as the server knows it. `state` is a type such as COMPLETED, with its message."""

    id: str
    name: str
    state: str
    message: str

    @property
    def finished(self) -> bool:
        """Whether the run has ended, well or badly."""
        return self.state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class PrefectApi:
    """A thin client; `url` is what Prefect calls `PREFECT_API_URL`.

    Every method raises Unavailable when the server does not answer, BadSetting when it wants another account.
    """

    def __init__(self, url: str, account: Account | None = None, hurried: bool = False) -> None:
        self.url = url.rstrip("/")
        self._pauses = () if hurried else BUSY_PAUSES
        self._client = httpx.Client(
            base_url=self.url,
            timeout=HURRIED if hurried else PATIENCE,
            auth=account or prefect_account(),
            trust_env=trusts_proxy(url),
        )

    @classmethod
    def at(cls, variables: Mapping[str, str], hurried: bool = False) -> PrefectApi:
        """The server that variables of the environment name, with the account they name there."""
        return cls(variables["PREFECT_API_URL"], prefect_account(variables), hurried)

    def create_work_pool(self, name: str, kind: str = "process", adapt: AdaptTemplate | None = None) -> None:
        """Make a work pool unless it is there; without `adapt` its first worker fills in the job template.

        Args:
            name: of the pool.
            kind: process, docker or kubernetes.
            adapt: changes the server's job template for that kind.
        """
        if self._ask("GET", f"/work_pools/{name}") is None:
            template = {"base_job_template": adapt(self._template(kind))} if adapt else {}
            self._ask("POST", "/work_pools/", {"name": name, "type": kind} | template)

    def _template(self, kind: str) -> dict[str, Any]:
        """The job template that the server knows for a kind of work pool."""
        known = self._ask("GET", "/collections/views/aggregate-worker-metadata") or {}
        templates = [kinds[kind] for kinds in known.values() if kind in kinds]
        if not templates:
            raise NotFound(f"The Prefect server at {self.url} knows no {kind} work pool.", "Update it.")
        return dict(templates[0]["default_base_job_configuration"])

    def parameters(self, deployment: str) -> dict[str, Any]:
        """The parameters of `flow/deployment` by name, each with its JSON schema.

        Raises:
            NotFound: nothing is deployed under that name.
        """
        schema = self._deployment(deployment)["parameter_openapi_schema"] or {}
        return dict(schema.get("properties", {}))

    def start(self, deployment: str, parameters: dict[str, Any], key: str = "") -> FlowRun:
        """Ask for a run of `flow/deployment`, or for the one that was asked for with the same `key` before.

        Raises:
            NotFound: nothing is deployed under that name.
            BadInput: parameters that the deployment does not take.
        """
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}, "idempotency_key": key or None}
        known = self._deployment(deployment)
        return _flow_run(self._ask("POST", f"/deployments/{known['id']}/create_flow_run", body))

    def _deployment(self, deployment: str) -> dict[str, Any]:
        known = self._ask("GET", f"/deployments/name/{deployment}")
        if known is None:
            raise NotFound(f"{deployment} is not deployed on {self.url}.", "Type `make deploy`.")
        return dict(known)

    def read(self, flow_run: str) -> FlowRun:
        """The run as it stands."""
        run = self._ask("GET", f"/flow_runs/{flow_run}")
        if run is None:
            raise NotFound(f"Flow run {flow_run} is not on {self.url}.")
        return _flow_run(run)

    def running(self) -> list[Running]:
        """The flow runs under way that are no part of another, oldest first, then what is due and has not begun.

        Of a flow that missed many of its times, as without a worker, the first alone.
        """
        missed = {run["flow_id"]: run for run in reversed(self._due("SCHEDULED"))}
        return [self._running(run) for run in [*self._due(*UNFINISHED), *missed.values()]]

    def _due(self, *states: str) -> list[dict[str, Any]]:
        which = {
            "state": {"type": {"any_": list(states)}},
            "expected_start_time": {"before_": datetime.now(UTC).isoformat()},
            "parent_task_run_id": {"is_null_": True},
        }
        return self._ask("POST", "/flow_runs/filter", {"flow_runs": which, "sort": "START_TIME_ASC"}) or []

    def _running(self, run: dict[str, Any]) -> Running:
        flow = self._ask("GET", f"/flows/{run['flow_id']}") or {"name": run["name"]}
        tasks = {"flow_runs": {"id": {"any_": [run["id"]]}}, "task_runs": {"state": {"type": {"any_": ["RUNNING"]}}}}
        at_work = self._ask("POST", "/task_runs/filter", tasks) or []
        before = {
            "flows": {"id": {"any_": [run["flow_id"]]}},
            "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
        }
        last = self._ask("POST", "/flow_runs/filter", before | {"sort": "END_TIME_DESC", "limit": 1}) or []
        return Running(
            flow=flow["name"],
            run=run["name"],
            since=datetime.fromisoformat(run["start_time"] or run["expected_start_time"]),
            task=at_work[0]["name"].rpartition("-")[0] if at_work else "",
            last_took=timedelta(seconds=last[0]["total_run_time"]) if last else None,
            id=run["id"],
            waits=run["start_time"] is None,
        )

    def failure(self, flow: str) -> str:
        """Why the run of a flow that ended last failed, in a sentence; empty where it did not."""
        ended = {"flows": {"name": {"any_": [flow]}}, "flow_runs": {"state": {"type": {"any_": list(ENDED)}}}}
        last = self._ask("POST", "/flow_runs/filter", ended | {"sort": "END_TIME_DESC", "limit": 1}) or []
        state = last[0]["state"] if last else {"type": ""}
        return EXCEPTION.sub("", state["message"] or "it gave no reason.") if state["type"] in FAILED else ""

    def crash_unfinished(self) -> list[str]:
        """Mark every run that nobody can be executing as crashed, so that it frees its place in the queue.

        Only for a stack whose workers are all known to be gone. Returns the names of those runs.
        """
        query = {"flow_runs": {"state": {"type": {"any_": list(UNFINISHED)}}}}
        runs = self._ask("POST", "/flow_runs/filter", query) or []
        state = {"type": "CRASHED", "message": "Its worker was gone when the stack came up again."}
        for run in runs:
            self._ask("POST", f"/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
        return [run["name"] for run in runs]

    def page(self, run: FlowRun | Running) -> str:
        """Where the run is shown in the UI."""
        return f"{self.url.removesuffix('/api')}/runs/flow-run/{run.id}"

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = require_admitted(self._patiently(method, path, body), "Prefect", self.url)
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            if answer.status_code in REFUSALS:
                raise BadInput(f"The Prefect server refuses this: {answer.text}.", "Mend it and ask again.")
            return answer.raise_for_status().json()
        except httpx.HTTPError as error:
            raise Unavailable(
                f"The Prefect server at {self.url} did not answer: {error}.", "Type `evergreen status`."
            ) from None

    def _patiently(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        """Asked again while the server says that it is busy, as it does when its SQLite file is locked."""
        for pause in self._pauses:
            answer = self._client.request(method, path, json=body)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
            time.sleep(pause)
        return self._client.request(method, path, json=body)


def running_on(api: PrefectApi) -> list[Running]:
    """The flow runs under way on a server; none where it does not answer or does not let this process in."""
    try:
        return api.running()
    except (BadSetting, Unavailable):
        return []


def failure_on(api: PrefectApi) -> str:
    """Why the last backfill on a server failed; empty where it did not, or where the server does not answer."""
    try:
        return api.failure("backfill")
    except (BadSetting, Unavailable):
        return ""


def _flow_run(answer: dict[str, Any]) -> FlowRun:
    state = answer.get("state") or {}
    return FlowRun(answer["id"], answer["name"], state.get("type", ""), state.get("message") or "")
