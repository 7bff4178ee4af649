"""The loop in one process: what each flow leaves behind."""

from __future__ import annotations

import json
import math
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from evergreen.adapters.database import decisions, evidence, leases, ledger, reading, requests, rollouts
from evergreen.adapters.models.folder import read_model_folder
from evergreen.audit.history import give_account
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.model.aim import NEXT_RETURN
from evergreen.core.model.manifest import Manifest
from evergreen.workspace import REPOSITORY, Workspace
from tests.flows.conftest import TICKERS, UNTIL, WALKED, run_of
from tests.prefect_records import runs

pytestmark = pytest.mark.xdist_group("lived")
MODEL = "evergreen"


def test_retrain__first_model_that_passes_the_gate_replaces_the_random_walk(copied: Workspace) -> None:
    with reading(copied.engine) as conn:
        rollout = rollouts.current(conn, MODEL)
        kinds = {version.version: version.kind for version in ledger.model_versions(conn, MODEL)}
        gate = [decision for decision in decisions.recent(conn, MODEL, 50) if decision.kind == "gate"]
    assert kinds["1"] == "random_walk"
    assert len(gate) == 1
    assert rollout.champion == ("2" if gate[0].evidence["admitted"] else "1")
    assert copied.registry.aliases(MODEL) == {"champion": run_of(copied, rollout.champion)}


def test_retrain__served_file_is_the_registered_one(copied: Workspace) -> None:
    with reading(copied.engine) as conn:
        record = ledger.read_model_version(conn, MODEL, "2")
    manifest = json.loads((copied.model_folder("2") / "manifest.json").read_text())
    assert manifest["model_sha256"] == record.sha256
    assert manifest["data_version"] == record.data_version
    audit = manifest["audit"]
    assert (audit["features"], audit["folds"], audit["findings"]) == (158, 16, [])
    assert audit["training_set_sha256"] == manifest["training_set_sha256"]


@pytest.mark.slow
def test_retrain__notebook_by_hand_with_its_defaults_gives_the_same_model(
    copied: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "by-hand"))
    notebook = REPOSITORY / "notebooks" / "train.ipynb"
    content = nbformat.read(notebook, as_version=4)
    NotebookClient(content, timeout=280, resources={"metadata": {"path": str(notebook.parent)}}).execute()
    (folder,) = (tmp_path / "by-hand" / "runs").iterdir()
    by_hand = read_model_folder(folder).manifest
    by_flow = Manifest.from_json((copied.model_folder("2") / "manifest.json").read_text())
    assert by_hand.model_sha256 == by_flow.model_sha256
    assert by_flow.metrics.items() <= by_hand.metrics.items()  # which tells besides what only bars at hand can tell
    assert by_flow.metrics["sessions"] == 1008


def test_runs__are_called_by_what_they_do_and_for_which_session(copied: Workspace) -> None:
    assert runs(f"backfill {UNTIL}") and runs(f"retrain bootstrap {UNTIL}")


def test_retrain__finished_request_reports_the_duplicate_and_changes_nothing(copied: Workspace) -> None:
    from flows.retrain import retrain

    before = give_account(copied.engine, MODEL)
    answer = retrain(before["retrains"][0]["id"])
    assert "already" in answer
    assert give_account(copied.engine, MODEL) == before


def test_daily__session_is_processed_once(copied: Workspace) -> None:
    from flows.daily import daily

    with reading(copied.engine) as conn:
        last = pd.Timestamp(ledger.clock(conn, MODEL))
    following = Calendar("XNYS").next(last)
    assert daily("sample", TICKERS, iso(following)) == [iso(following)]
    hashed = copied.bars.content_hash()
    assert daily("sample", TICKERS, iso(following)) == []
    assert copied.bars.content_hash() == hashed


def test_process_session__again_leaves_the_same_records(copied: Workspace) -> None:
    from flows.clock import now_at
    from flows.daily import process_session

    with reading(copied.engine) as conn:
        session = pd.Timestamp(ledger.clock(conn, MODEL))
    before, bars = give_account(copied.engine, MODEL), copied.bars.content_hash()
    process_session("sample", TICKERS, session, now_at(session, copied))
    assert give_account(copied.engine, MODEL) == before
    assert copied.bars.content_hash() == bars


def test_daily__every_forecast_settles_once_its_horizon_has_passed(copied: Workspace) -> None:
    with reading(copied.engine) as conn:
        champion = rollouts.current(conn, MODEL).champion
        forecasts = evidence.forecasts(conn, champion)
        losses = evidence.session_losses(conn, champion, NEXT_RETURN)
    assert forecasts["session"].nunique() == WALKED
    assert len(losses) == WALKED - 1
    assert (losses["n"] == len(TICKERS)).all()


def test_daily__outcome_is_the_adjusted_return(copied: Workspace) -> None:
    with reading(copied.engine) as conn:
        champion = rollouts.current(conn, MODEL).champion
        losses = evidence.session_losses(conn, champion, NEXT_RETURN)
    session = pd.Timestamp(losses["session"].iloc[0])
    bars = copied.bars.as_of(start=session, end=Calendar("XNYS").next(session))
    price = (bars["close"] * bars["factor"]).to_numpy().reshape(len(TICKERS), 2)
    returns = pd.Series(price[:, 1] / price[:, 0]).map(math.log)
    assert losses["baseline_loss"].iloc[0] == pytest.approx((returns**2).mean())


def test_backfill__again_changes_nothing(copied: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.backfill import backfill
    from tests.flows.conftest import HISTORY

    before, bars = give_account(copied.engine, MODEL), copied.bars.content_hash()
    backfill("sample", TICKERS, HISTORY, UNTIL)
    assert copied.bars.content_hash() == bars
    assert give_account(copied.engine, MODEL) == before


def test_reconcile__alias_edited_by_hand_is_mended(copied: Workspace) -> None:
    from flows.reconcile import reconcile

    copied.registry.set_alias(MODEL, "champion", run_of(copied, "1"))
    assert reconcile()["aliases mended"] == ["champion"]
    with reading(copied.engine) as conn:
        champion = rollouts.current(conn, MODEL).champion
    assert copied.registry.aliases(MODEL)["champion"] == run_of(copied, champion)
    assert reconcile()["aliases mended"] == []


def test_reconcile__damaged_local_model_is_fetched_again(copied: Workspace) -> None:
    from flows.reconcile import reconcile

    with reading(copied.engine) as conn:
        champion = rollouts.current(conn, MODEL).champion
    file: Path = copied.model_folder(champion) / "model.txt"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert reconcile()["local models fetched again"] == [champion]
    assert file.read_bytes() == whole


def test_reconcile__request_of_a_dead_run_can_be_claimed_again(copied: Workspace) -> None:
    from datetime import UTC, datetime, timedelta
    from uuid import uuid4

    from evergreen.adapters.database import writing
    from flows.reconcile import reconcile

    now = datetime.now(UTC)
    with writing(copied.engine) as conn:
        request, _ = requests.request(conn, MODEL, "test", "some-data", UNTIL, {}, now)
    leases.claim(copied.engine, request.id, str(uuid4()), now, timedelta(hours=1))
    assert reconcile()["requests freed from a dead worker"] == [request.id]
    with reading(copied.engine) as conn:
        assert requests.read(conn, request.id).state == "pending"
