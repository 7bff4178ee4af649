from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evergreen.adapters.database import leases, ledger, reading, requests, writing
from evergreen.adapters.database.ledger import ProcessedSession
from evergreen.adapters.database.request_words import same_command, standing
from evergreen.adapters.database.requests import BOOTSTRAP, RetrainRequest
from evergreen.adapters.infra.running import missing
from evergreen.cli import app
from evergreen.errors import AlreadyClaimed
from evergreen.ops.requests import end_request, read_history
from evergreen.ops.status import lines, read_status
from evergreen.service.view import gather
from evergreen.workspace import Workspace
from tests.conftest import enter

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    return enter(tmp_path / "home", monkeypatch)


def ask(at: Workspace, cause: str = BOOTSTRAP, now: datetime = NOW, **evidence: str) -> RetrainRequest:
    with writing(at.engine) as conn:
        return requests.request(conn, "evergreen", cause, "d1", "2026-05-01", evidence, now, again=True)[0]


def failed(at: Workspace, request: RetrainRequest, verdict: str = "The disk was full.") -> RetrainRequest:
    claimed = leases.claim(at.engine, request.id, "run-1", NOW, HOUR)
    return leases.finish(at.engine, claimed, "failed", NOW, verdict=verdict)


def test_standing__says_what_a_request_waits_for_or_why_it_ended(at: Workspace) -> None:
    request = ask(at)
    assert standing(request, NOW) == "waits for a worker"
    claimed = leases.claim(at.engine, request.id, "run-1", NOW, HOUR)
    assert standing(claimed, NOW) == "is worked on by flow run run-1, claim 1 of 8"
    assert standing(claimed, NOW + HOUR) == (
        "its worker has been silent since 2026-05-04 13:00 UTC: type `evergreen reconcile`"
    )
    assert standing(leases.release(at.engine, claimed, NOW), NOW) == "waits for a worker again, after 1 claims"
    assert standing(failed(at, request), NOW) == "failed: The disk was full. Ask again with `evergreen backfill`"


@pytest.mark.parametrize(
    ("cause", "evidence", "command"),
    [
        (BOOTSTRAP, {}, "evergreen backfill"),
        ("challenge by run abc", {"reason": "mine", "run_id": "abc"}, "evergreen challenge abc"),
        ("by hand: it's old", {"reason": "it's old"}, """evergreen retrain --reason 'it'"'"'s old'"""),
        ("covariate_shift", {}, "evergreen retrain --reason covariate_shift"),
    ],
)
def test_same_command__asks_for_the_same_again(
    at: Workspace, cause: str, evidence: dict[str, str], command: str
) -> None:
    assert same_command(ask(at, cause, **evidence)) == command


def test_end_request__leaves_a_decision_with_who_and_when_and_refuses_a_second_time(at: Workspace) -> None:
    request = ask(at)
    end_request(at.engine, request.id, "dropped by anna at noon: a mistake.", NOW)
    history = read_history(at.engine, request.id)
    (closing,) = history.decisions
    assert (closing.kind, closing.at) == ("retrain_closed", NOW)
    assert closing.summary == f"Request {request.id} (bootstrap) was dropped by anna at noon: a mistake."
    with pytest.raises(AlreadyClaimed):
        end_request(at.engine, request.id, "again", NOW)
    assert len(read_history(at.engine, request.id).decisions) == 1, "nothing of a refused ending stays"


def test_status__tells_a_dead_request_from_one_that_is_on_its_way(at: Workspace) -> None:
    with writing(at.engine) as conn:
        ledger.record_session(
            conn, ProcessedSession(model="evergreen", as_of="2026-05-01", data_version="d1", finished_at=NOW)
        )

    def training() -> str:
        (line,) = [each for each in lines(read_status(at.settings)) if each.startswith("no champion yet")]
        return line

    assert training() == "no champion yet: nobody asked for its training, type `evergreen backfill`"
    request = ask(at)
    assert training() == f"no champion yet: request {request.id} waits for a worker"
    leases.claim(at.engine, request.id, "run-1", NOW, HOUR)
    assert "has been silent since" in training() and "`evergreen reconcile`" in training()
    failed(at, request, "MLflow's experiment was deleted. Restore it.")
    with reading(at.engine) as conn:
        page = gather(conn, "evergreen", None, NOW)
    assert training() == missing(page.clock, None, [], page.training), "the status page says the same"
    assert training().endswith(
        f"request {request.id} failed: MLflow's experiment was deleted. Restore it. Ask again with `evergreen backfill`"
    )


def test_commands__list_show_and_drop_requests(at: Workspace) -> None:
    first = failed(at, ask(at))
    second = ask(at, now=NOW + HOUR)

    def run(*arguments: str) -> str:
        outcome = CliRunner().invoke(app, ["requests", *arguments])
        assert outcome.exit_code == 0, outcome.output
        return outcome.output

    assert [line.split()[0] for line in run("list").splitlines()] == [second.id, first.id, "1"]
    shown = run("show", second.id)
    assert f"attempt 1 {first.id} failed, 1 claims: The disk was full." in shown
    assert f"attempt 2 {second.id} pending, 0 claims: -" in shown
    dropped = json.loads(run("drop", second.id, "--reason", "no need", "--json"))
    assert dropped["state"] == "failed" and dropped["verdict"].endswith("UTC: no need.")
    assert [each["state"] for each in json.loads(run("list", "--json"))] == ["failed", "failed"]
    with reading(at.engine) as conn:
        assert requests.unfinished(conn, "evergreen") == []


def test_drop__by_a_user_without_a_name_as_in_a_container(at: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**30)
    outcome = CliRunner().invoke(app, ["requests", "drop", ask(at).id, "--reason", "no need"])
    assert f"dropped by user {2**30} at" in outcome.output
