"""Two workers on two work pools share the retrainings; one is killed at its work, and nothing is lost or done twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from evergreen.adapters.database import decisions, ledger, reading, requests, rollouts
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.adapters.infra.accounts import account_of, prefect_account
from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.adapters.infra.processes import Command, Stack
from evergreen.ops import local_stack
from evergreen.ops.local_stack import WORK_POOL, Ports
from evergreen.settings import Settings
from evergreen.workspace import REPOSITORY, Workspace
from tests.services.servers import Postgresql

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1300)]
SECOND = "second"
POOLS = {WORK_POOL: "worker", SECOND: "worker-second"}
MARKET = {"source": "sample", "tickers": ["AAPL", "IBM", "MSFT"], "start": "2003-01-02", "as_of": "2008-06-30"}


@dataclass(frozen=True)
class Pair:
    """A stack with two workers; every flow is deployed to both pools."""

    settings: Settings
    api: PrefectApi
    variables: dict[str, str]
    at: Workspace

    def request(self) -> RetrainRequest | None:
        with reading(self.at.engine) as conn:
            return next(iter(requests.recent(conn, self.settings.model_name)), None)

    def held_until(self) -> datetime:
        """The end of the running claim's lease."""
        request = self.request()
        assert request is not None and request.lease_until is not None
        return request.lease_until

    def runs(self, flow: str) -> list[dict[str, Any]]:
        query = {"flows": {"name": {"any_": [flow]}}}
        answered: list[dict[str, Any]] = httpx.post(
            f"{self.api.url}/flow_runs/filter", json=query, auth=prefect_account(self.variables)
        ).json()
        return answered

    def kill(self, worker: str) -> None:
        """kill -9 of a worker and everything below it."""
        (member,) = [each for each in Stack(self.settings.home).alive() if each.name == worker]
        leader = psutil.Process(member.pid)
        tree = [leader, *leader.children(recursive=True)]
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(tree, timeout=10)


def until(condition: Callable[[], Any], patience: float = 300.0) -> Any:
    """What `condition` gives once it is true."""
    deadline = time.monotonic() + patience
    while not (outcome := condition()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.3)
    return outcome


def deploy_to_second(variables: dict[str, str], folder: Path) -> None:
    declared = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
    for deployment in declared["deployments"]:
        deployment |= {"name": f"{deployment['name']}-{SECOND}", "work_pool": {"name": SECOND}}
    (folder / "second.yaml").write_text(yaml.safe_dump(declared))
    local_stack.deploy(variables, folder / "deploy.log", folder / "second.yaml")


@pytest.fixture
def pair(tmp_path: Path, postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    settings = Settings(
        home=tmp_path / "home",
        clock="replay",
        lease_seconds=20.0,
        database_url=postgresql.database(),
        prefect_database=postgresql.database(),
        mlflow_database=postgresql.database(),
    )
    try:
        variables = local_stack.start(settings, Ports(0, 0, 0), print)
        for name, value in account_of(settings.home).items():  # this process asks MLflow too
            monkeypatch.setenv(name, value)
        api = PrefectApi.at(variables)
        api.create_work_pool(SECOND)
        deploy_to_second(variables, tmp_path)
        start_worker(settings, variables, SECOND)
        yield Pair(
            settings,
            api,
            variables,
            Workspace(settings.model_copy(update={"mlflow_uri": variables["EVERGREEN_MLFLOW_URI"]})),
        )
    finally:
        Stack(settings.home).stop()


def start_worker(settings: Settings, variables: dict[str, str], pool: str) -> None:
    arguments = ("-m", "prefect", "worker", "start", "--pool", pool, "--type", "process")
    Stack(settings.home).start(Command(POOLS[pool], arguments), variables)


def test_workers__one_killed_at_its_work_the_other_finishes_it_once(pair: Pair) -> None:
    pair.api.start("backfill/backfill", MARKET)
    request = until(lambda: (one := pair.request()) and one.state == "running" and one)
    both = until(lambda: len(runs := pair.runs("retrain")) == 2 and all(run["start_time"] for run in runs) and runs)
    assert {run["work_pool_name"] for run in both} == set(POOLS)
    claimed = next(run for run in both if run["id"] == request.claimed_by)
    killed = claimed["work_pool_name"]
    (survivor,) = set(POOLS) - {killed}
    pair.kill(POOLS[killed])

    suffix = "" if survivor == WORK_POOL else f"-{SECOND}"
    until(lambda: pair.held_until() < datetime.now(UTC))
    until(lambda: pair.api.start(f"reconcile/reconcile{suffix}", {}) and _taken_over(pair, 30.0))
    until(lambda: (one := pair.request()) and one.state == "done")
    finished = pair.request()
    assert finished is not None
    assert (finished.state, finished.fence, len(pair.runs("backfill"))) == ("done", 2, 1)
    before = whole_record(pair)

    start_worker(pair.settings, pair.variables, killed)
    until(lambda: all(run["state_type"] not in ("SCHEDULED", "PENDING", "RUNNING") for run in pair.runs("retrain")))
    assert whole_record(pair) == before


def _taken_over(pair: Pair, patience: float) -> bool:
    """Whether another run claims the request within some seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        request = pair.request()
        if request is not None and request.fence == 2:
            return True
        time.sleep(0.3)
    return False


def whole_record(pair: Pair) -> tuple[Any, ...]:
    """What there must be once: two versions (random walk, model), one verdict, one champion, mirrored."""
    at, model = pair.at, pair.settings.model_name
    with reading(at.engine) as conn:
        versions = [version.version for version in ledger.model_versions(conn, model)]
        kinds = [decision.kind for decision in decisions.recent(conn, model, 100)]
        rollout = rollouts.current(conn, model)
        assert decisions.verify(conn) == []
        champion = ledger.read_model_version(conn, model, rollout.champion)
    assert sorted(versions) == ["1", "2"]
    assert kinds.count("gate") == kinds.count("retrain_requested") == 1
    assert at.registry.aliases(model)["champion"] == champion.run_id
    return versions, kinds, rollout, at.registry.aliases(model)
