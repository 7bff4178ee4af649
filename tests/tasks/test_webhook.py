"""Another system's say before a promotion."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from evergreen.adapters.infra.webhook import objection
from tests.service.world import World
from tests.tasks.test_rollout import arrive, look, serves, settle_sessions, story, world

__all__ = ["world"]


class Approval:
    """A server on loopback that notes what it is asked and answers `status`."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status = 200
        approver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                approver.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(approver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/may-it?token=secret"


@pytest.fixture
def approver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Approval]:
    started = Approval()
    monkeypatch.setenv("EVERGREEN_PROMOTION_WEBHOOK", started.url)
    thread = threading.Thread(target=started.server.serve_forever)
    thread.start()
    yield started
    started.server.shutdown()
    started.server.server_close()
    thread.join()


def test_webhook__is_told_the_evidence_and_2xx_lets_the_promotion_go_on(world: World, approver: Approval) -> None:
    arrive(world, "2")
    settle_sessions(world)
    look(1)
    assert approver.received == [], "it is asked about promotions only"
    look(2, dry_run=True)
    assert approver.received == [], "and not by a dry run"
    approver.status = 204
    look(2)
    (case,) = approver.received
    assert (case["champion"], case["challenger"], case["stage"]) == ("1", "2", "canary_5")
    assert case["e_promote"] >= 20 and case["sessions"] >= 8 and case["mean_r"] > -case["margin"]
    assert serves(world.rollout()) == ("2", None, "steady")


def test_webhook__any_other_answer_holds_it_and_is_asked_for_again_next_session(
    world: World, approver: Approval
) -> None:
    arrive(world, "2")
    settle_sessions(world)
    look(1)
    approver.status = 403
    assert look(2).endswith("127.0.0.1 answered 403.")
    approver.status = 503
    assert look(3).startswith("Held: ") and serves(world.rollout()) == ("1", "2", "canary_5")
    assert all("secret" not in summary for _, summary in story(world))
    approver.status = 200
    look(4)
    assert len(approver.received) == 3 and world.rollout().champion == "2"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "nonsense", "http://[", "ftp://127.0.0.1/x"])
def test_webhook__that_cannot_be_reached_is_no_yes(url: str) -> None:
    assert "gave no answer" in objection(url, {}, seconds=1)
