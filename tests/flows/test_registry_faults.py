"""The registry is away at a promotion, or has lost the champion: the row decides, and the local copy serves."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest

from evergreen.adapters.database import decisions, ledger, reading, requests, rollouts, writing
from evergreen.adapters.models.folder import sha256s
from evergreen.errors import ModelRefused, NotFound, Unavailable
from evergreen.service.store import DiskStore
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.flows.conftest import UNTIL, run_of

pytestmark = pytest.mark.xdist_group("lived")
MODEL = "evergreen"


def promote(at: Workspace, version: str) -> None:
    """Change the row as a promotion does."""
    with reading(at.engine) as conn:
        row = rollouts.current(conn, MODEL)
    decision = decisions.Decision(
        at=datetime(2008, 7, 8, tzinfo=UTC),
        model=MODEL,
        kind="promote",
        as_of="2008-07-07",
        subject=version,
        summary="test",
    )
    rollouts.change(at.engine, row, decision, champion=version, previous_champion=row.champion)


def test_registry_away_at_a_promotion__the_row_stands_and_reconcile_mirrors_it_later(
    copied: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.reconcile import reconcile
    from tasks.models import mirror_aliases

    with reading(copied.engine) as conn:
        other = "1" if rollouts.current(conn, MODEL).champion == "2" else "2"
    monkeypatch.setenv("EVERGREEN_MLFLOW_URI", "http://127.0.0.1:9")
    away = enter(copied.settings.home, monkeypatch)
    promote(away, other)
    with pytest.raises(Unavailable, match=r"MLflow at http://127\.0\.0\.1:9 did not answer"):
        mirror_aliases.fn()
    with reading(away.engine) as conn:
        assert rollouts.current(conn, MODEL).champion == other
    assert DiskStore(away.settings).model(other).version == other
    monkeypatch.delenv("EVERGREEN_MLFLOW_URI")
    back = enter(copied.settings.home, monkeypatch)
    assert reconcile()["aliases mended"] == ["champion"]
    assert back.registry.aliases(MODEL)["champion"] == run_of(back, other)


def test_champions_version_deleted_in_the_registry__it_is_served_on_and_reconcile_names_it(copied: Workspace) -> None:
    from tasks.models import mirror_aliases

    with reading(copied.engine) as conn:
        champion = rollouts.current(conn, MODEL).champion
    copied.tracking._client.delete_model_version(MODEL, champion)
    assert DiskStore(copied.settings).model(champion).version == champion
    with pytest.raises(NotFound, match=f"no version of run {run_of(copied, champion)}"):
        mirror_aliases.fn()


@pytest.fixture
def counting_from_anew(copied: Workspace) -> Workspace:
    """The registered model renamed: strangers have its name and its numbers 1 and 2, and the alias `champion`."""
    client, strange = copied.tracking._client, copied.settings.home / "strange"
    client.rename_registered_model(MODEL, "renamed")
    shutil.copytree(copied.model_folder("1"), strange)
    (strange / "metrics.json").write_text('{"metrics": {}, "folds": []}')
    for number in ("1", "2"):
        run_id = copied.tracking.log_training(strange, {}, {"request_id": f"strange {number}"})
        assert copied.registry.register(MODEL, run_id, {}) == number
    copied.registry.set_alias(MODEL, "champion", run_id)
    return copied


def test_registry_that_counts_from_anew__reconcile_restores_our_bytes_and_aliases_no_stranger(
    counting_from_anew: Workspace,
) -> None:
    from flows.reconcile import reconcile

    at = counting_from_anew
    with reading(at.engine) as conn:
        champion = rollouts.current(conn, MODEL).champion
    registered = sha256s(at.model_folder(champion))
    (at.model_folder(champion) / "model.txt").write_text("damaged")
    with pytest.raises(NotFound, match=f"no version of run {run_of(at, champion)} in model 'evergreen'.*renamed"):
        reconcile()
    assert sha256s(at.model_folder(champion)) == registered
    assert at.registry.aliases(MODEL) == {}


def test_registry_that_counts_from_anew__a_new_model_takes_no_number_and_no_folder_of_another(
    counting_from_anew: Workspace,
) -> None:
    from tasks.registering import keep_version

    at, now = counting_from_anew, datetime(2008, 7, 8, tzinfo=UTC)
    before = {version: sha256s(at.model_folder(version)) for version in ("1", "2")}
    with writing(at.engine) as conn:
        request, _ = requests.request(conn, MODEL, "test", "some-data", UNTIL, {}, now)
    run_id = at.tracking.find_run("strange 2") or pytest.fail("no run")
    assert keep_version(request, run_id, at.settings.home / "strange", now) == "3"
    assert {version: sha256s(at.model_folder(version)) for version in ("1", "2")} == before
    with reading(at.engine) as conn:
        recorded = ledger.read_model_version(conn, MODEL, "3")
    assert (recorded.run_id, recorded.files) == (run_id, sha256s(at.model_folder("3")))


def test_record_from_before_all_files_were_hashed__is_completed_by_reconcile(copied: Workspace) -> None:
    from sqlalchemy import update

    from evergreen.adapters.database.schema import model_version
    from flows.reconcile import reconcile

    with writing(copied.engine) as conn:
        champion = rollouts.current(conn, MODEL).champion
        conn.execute(update(model_version).values(files={}))
    reconcile()
    with reading(copied.engine) as conn:
        assert ledger.read_model_version(conn, MODEL, champion).files == sha256s(copied.model_folder(champion))


def test_manifest_altered_alone__is_fetched_again(copied: Workspace) -> None:
    from flows.reconcile import reconcile

    with reading(copied.engine) as conn:
        champion = rollouts.current(conn, MODEL).champion
    file = copied.model_folder(champion) / "manifest.json"
    whole = file.read_text()
    file.write_text(whole.replace('"horizon":1', '"horizon":20'))
    assert file.read_text() != whole
    with pytest.raises(ModelRefused, match=r"manifest\.json is not the registered one"):
        DiskStore(copied.settings).model(champion)
    assert reconcile()["local models fetched again"] == [champion]
    assert file.read_text() == whole


def test_record_altered_alone__the_gate_refuses_it_and_reconcile_fetches_it_again(copied: Workspace) -> None:
    from evergreen.research.registered import champion_record, read_record
    from flows.reconcile import reconcile

    with reading(copied.engine) as conn:
        champion = rollouts.current(conn, MODEL).champion
    before = read_record(copied, champion)
    before.assign(forecast=before["label"]).to_parquet(copied.model_folder(champion) / "oos.parquet", index=False)
    for judge in (read_record, champion_record):
        with pytest.raises(ModelRefused, match=r"oos\.parquet is not the registered one"):
            judge(copied, champion)
    assert reconcile()["local models fetched again"] == [champion]
    assert read_record(copied, champion).equals(before)
