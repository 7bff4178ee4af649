"""What a person sees of a drift check: pages, artifacts, a notice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from evergreen.adapters.database import ledger, reading, rollouts
from evergreen.market_data.delivery import Delivery
from evergreen.workspace import Workspace, open_workspace, workspace
from tests.flows.conftest import TICKERS

if TYPE_CHECKING:
    from tasks.drift import DriftFinding

pytestmark = pytest.mark.xdist_group("lived")
MODEL = "evergreen"


def last_session(at: Workspace) -> str:
    with reading(at.engine) as conn:
        return str(ledger.clock(conn, MODEL))


def champion(at: Workspace) -> str:
    with reading(at.engine) as conn:
        return rollouts.current(conn, MODEL).champion


def finding(at: Workspace) -> DriftFinding:
    """The check of the last session, made again."""
    from evergreen.adapters.bars import open_source

    session = last_session(at)
    rows = len(open_source("sample", "XNYS").fetch(TICKERS, pd.Timestamp(session), pd.Timestamp(session)))
    nothing_odd = Delivery("sample", session, session, rows, rows, 0, 0, False, (), "")
    return found_in(nothing_odd)


def found_in(delivery: Delivery) -> DriftFinding:
    """What the policy now in force finds in a session, whether or not it looks at it."""
    from tasks.drift import find_drift, read_standing

    at, session = workspace(), pd.Timestamp(delivery.last)
    return find_drift(at, read_standing(at, session), session, delivery)


def test_report__executes_the_notebook_and_keeps_both_pages_with_the_model(copied: Workspace) -> None:
    from mlflow import MlflowClient

    from flows.report import report

    finding(copied)
    pages = [Path(page) for page in report()]
    assert [page.name for page in pages] == ["drift.html", "profiles.html"]
    assert pages[0].read_text().count("data:image/png;base64,") >= 4
    assert "CORR60" in pages[1].read_text()
    with reading(copied.engine) as conn:
        run_id = ledger.read_model_version(conn, MODEL, champion(copied)).run_id
    artifacts = MlflowClient(copied.settings.mlflow).list_artifacts(run_id, f"drift/{last_session(copied)}")
    assert sorted(Path(file.path).name for file in artifacts) == ["drift.html", "profiles.html"]


def test_check__of_a_version_without_calibration_says_so(copied: Workspace) -> None:
    for file in (copied.settings.calibrations / champion(copied)).iterdir():
        file.unlink()
    finding_now = finding(copied)
    assert finding_now.outcome == "not_monitored"
    assert "not monitored" in finding_now.sentence
    with reading(copied.engine) as conn:
        checks = ledger.drift_checks(conn, MODEL, champion(copied), limit=1)
    assert [check.verdict for check in checks] == ["not_monitored"]


def test_check__of_a_model_that_nobody_has_retrained_for_too_long_asks_for_a_retraining(
    copied: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert finding(copied).reaction != "retrain"
    monkeypatch.setenv("EVERGREEN_RETRAIN_AFTER", "3")
    open_workspace.cache_clear()
    finding_now = finding(copied)
    assert (finding_now.cause, finding_now.reaction) == ("old_age", "retrain")


def test_check__on_a_broken_delivery_asks_for_no_retraining(copied: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setenv("EVERGREEN_RETRAIN_AFTER", "3")
    open_workspace.cache_clear()
    session = last_session(copied)
    plain = Delivery("sample", session, session, 3, 3, 0, 0, False, (), "")
    split = ({"rule": "unadjusted_split", "ticker": "AAPL"},)
    for delivery, cause in (
        (replace(plain, refused=2), "vendor_fault"),
        (replace(plain, findings=split), "corporate_action"),
    ):
        checked = found_in(delivery)
        assert (checked.cause, checked.reaction == "retrain") == (cause, False)


def test_profiles__of_everything_a_session_brought_tell_its_data_version(copied: Workspace) -> None:
    from evergreen.adapters import monitoring

    root, session = copied.settings.profiles, last_session(copied)
    with reading(copied.engine) as conn:
        processed = ledger.read_session(conn, MODEL, session)
    assert processed is not None
    for folder in (root, root / "delivery", root / "forecasts"):
        assert monitoring.tags_of(monitoring.read(folder / f"{session}.bin"))["data_version"] == processed.data_version
    assert len(list((root / "labels").glob("*.bin"))) == 3


@pytest.fixture
def web_hook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A web hook on loopback, and what it was sent."""
    sent: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()


def test_notify__goes_through_the_configured_block_and_never_stops_a_session(
    copied: Workspace, web_hook: tuple[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    from tasks.notices import notify

    url, sent = web_hook
    block = CustomWebhookNotificationBlock(name="hook", url=url, json_data={"text": "{{subject}}: {{body}}"})
    block.save("desk", overwrite=True)
    delivered = []

    @flow
    def tell() -> None:
        delivered.append(notify("Drift", "two windows"))

    for name in ("", f"{block.get_block_type_slug()}/desk", "slack-webhook/nobody"):
        monkeypatch.setenv("EVERGREEN_NOTIFY", name)
        open_workspace.cache_clear()
        tell()
    assert delivered == [False, True, False]
    assert sent == [{"text": "Drift: two windows"}]
