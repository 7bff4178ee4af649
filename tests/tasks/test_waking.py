"""What becomes of requests whose run a person cancelled, whose workers died, and whose clock was set back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Cancelled, Cancelling, Crashed, Running, Scheduled, State

from evergreen.adapters.database import decisions, leases, reading, requests, writing
from evergreen.adapters.database.leases import CLAIMS
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.workspace import Workspace
from tasks import waking
from tasks.waking import close_cancelled, free_dead_claims, wake_waiting
from tests.conftest import enter

pytestmark = pytest.mark.slow
MINUTE = timedelta(minutes=1)


@pytest.fixture
def at(prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    return enter(tmp_path / "home", monkeypatch)


@pytest.fixture
def request_made(at: Workspace, tmp_path: Path) -> RetrainRequest:
    with writing(at.engine) as conn:
        return requests.request(conn, "evergreen", str(tmp_path), "d1", "2008-06-30", {}, datetime.now(UTC))[0]


def flow_run(request: RetrainRequest, state: State) -> str:
    """A run of `retrain` for this request, in that state."""
    from flows.retrain import retrain

    with get_client(sync_client=True) as client:
        run = client.create_flow_run(retrain, parameters={"request_id": request.id}, state=Scheduled())
        client.set_flow_run_state(run.id, state, force=True)
        return str(run.id)


def read(at: Workspace, request: RetrainRequest) -> RetrainRequest:
    with reading(at.engine) as conn:
        return requests.read(conn, request.id)


@pytest.mark.parametrize("state", [Cancelled, Cancelling])
def test_close_cancelled__a_run_cancelled_at_its_work_closes_the_request_with_who_and_when(
    at: Workspace, request_made: RetrainRequest, state: Callable[[], State]
) -> None:
    run = flow_run(request_made, Running())
    leases.claim(at.engine, request_made.id, run, datetime.now(UTC), MINUTE)
    assert free_dead_claims.fn() == [] and read(at, request_made).state == "running"
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, state(), force=True)
    assert free_dead_claims.fn() == [], "it is closed, not given back"
    closed = read(at, request_made)
    assert closed.state == "failed" and closed.finished_at is not None
    assert str(closed.verdict).startswith(f"cancelled by Prefect's account at {closed.finished_at:%Y-%m-%d %H:%M:%S}")
    assert wake_waiting.fn() == []
    with reading(at.engine) as conn:
        assert [each.kind for each in decisions.of(conn, request_made.id)] == ["retrain_closed"]


def test_close_cancelled__a_run_cancelled_before_its_claim_closes_the_request(
    at: Workspace, request_made: RetrainRequest
) -> None:
    flow_run(request_made, Cancelled())
    assert close_cancelled.fn() == [request_made.id]
    assert read(at, request_made).state == "failed"


def test_close_cancelled__a_cancelled_double_leaves_the_request_to_the_run_that_works_on_it(
    at: Workspace, request_made: RetrainRequest
) -> None:
    flow_run(request_made, Cancelled())
    working = flow_run(request_made, Running())
    leases.claim(at.engine, request_made.id, working, datetime.now(UTC), MINUTE)
    assert close_cancelled.fn() == []
    assert read(at, request_made).state == "running"


def test_free_dead_claims__the_eighth_dead_claim_ends_the_request(at: Workspace, request_made: RetrainRequest) -> None:
    for _ in range(CLAIMS):
        assert read(at, request_made).state == "pending"
        run = flow_run(request_made, Crashed())
        leases.claim(at.engine, request_made.id, run, datetime.now(UTC), MINUTE)
        assert free_dead_claims.fn() == [request_made.id]
    ended = read(at, request_made)
    assert ended.state == "failed" and "8 workers ended before it was finished" in str(ended.verdict)
    assert wake_waiting.fn() == [] and free_dead_claims.fn() == []


def test_free_dead_claims__a_clock_set_back_by_an_hour_hides_no_dead_worker_and_kills_no_living_one(
    at: Workspace, request_made: RetrainRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = flow_run(request_made, Running())
    ahead, waited = datetime.now(UTC) + timedelta(hours=1), list[float]()
    claimed = leases.claim(at.engine, request_made.id, run, ahead, MINUTE)

    def renewed_meanwhile(seconds: float) -> None:
        waited.append(seconds)
        leases.renew(at.engine, claimed, datetime.now(UTC), MINUTE)

    monkeypatch.setattr(waking, "time", SimpleNamespace(sleep=renewed_meanwhile))
    assert free_dead_claims.fn() == [], "its worker lives"
    leases.renew(at.engine, claimed, ahead, MINUTE)
    monkeypatch.setattr(waking, "time", SimpleNamespace(sleep=waited.append))
    assert free_dead_claims.fn() == [request_made.id], "nobody renewed it"
    assert min(waited) > at.settings.lease_seconds / 3, "a living worker had the time to"
