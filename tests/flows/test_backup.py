"""A backup restored into an empty place says what was said before, to the bit, and goes on from there."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.database import decisions, ledger, reading, rollouts
from evergreen.audit.history import give_account
from evergreen.audit.reproduce import reproduce
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.errors import BadSetting, Broken, Conflict, NotFound, UnreadableFile
from evergreen.ops.backup import back_up, read_backup, restore
from evergreen.settings import Settings
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.flows.conftest import TICKERS, run_of
from tests.flows.test_reproduction import served

pytestmark = pytest.mark.xdist_group("lived")
MODEL = "evergreen"
NOW = datetime(2008, 7, 8, tzinfo=UTC)


def test_restore__reproduces_a_served_prediction_to_the_bit(
    copied: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prediction, account = served(copied), give_account(copied.engine, MODEL)
    online = copied.features.read_online(TICKERS)
    back_up(copied.settings, tmp_path / "kept", NOW)
    shutil.rmtree(copied.settings.home)
    restore(Settings(home=tmp_path / "elsewhere"), tmp_path / "kept")
    again = enter(tmp_path / "elsewhere", monkeypatch)
    assert [each for each in reproduce(again, prediction.id) if not each.same] == []
    assert give_account(again.engine, MODEL) == account
    pd.testing.assert_frame_equal(again.features.read_online(TICKERS).features, online.features)
    with reading(again.engine) as conn:
        assert decisions.verify(conn) == []


def test_restore__registry_gives_its_models_and_the_next_session_is_processed(
    copied: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.daily import daily

    back_up(copied.settings, tmp_path / "kept", NOW)
    with reading(copied.engine) as conn:
        champion = rollouts.current(conn, MODEL).champion
        following = Calendar("XNYS").next(pd.Timestamp(ledger.clock(conn, MODEL)))
    shutil.rmtree(copied.settings.home)
    restore(Settings(home=tmp_path / "elsewhere"), tmp_path / "kept")
    again = enter(tmp_path / "elsewhere", monkeypatch)
    model = again.tracking.download(run_of(again, champion), tmp_path / "fetched", {}) / "model.txt"
    assert model.read_bytes() == (again.model_folder(champion) / "model.txt").read_bytes()
    assert daily("sample", TICKERS, iso(following)) == [iso(following)]


def test_restore__altered_or_missing_file_is_named_and_nothing_is_restored(copied: Workspace, tmp_path: Path) -> None:
    back_up(copied.settings, tmp_path / "kept", NOW)
    (model,) = (tmp_path / "kept" / "home" / "models").glob("2/model.txt")
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(Broken, match=r"models/2/model.txt is not what was backed up"):
        restore(Settings(home=tmp_path / "elsewhere"), tmp_path / "kept")
    model.unlink()
    with pytest.raises(Broken, match=r"models/2/model.txt"):
        read_backup(tmp_path / "kept")
    assert not (tmp_path / "elsewhere").exists()


def test_restore__a_link_to_another_folder_is_not_followed(copied: Workspace, tmp_path: Path) -> None:
    back_up(copied.settings, tmp_path / "kept", NOW)
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "secret.txt").write_text("nobody's business")
    (tmp_path / "kept" / "home" / "reports").mkdir(exist_ok=True)
    (tmp_path / "kept" / "home" / "reports" / "link").symlink_to(tmp_path / "private")
    with pytest.raises(Broken, match="reports/link is a link"):
        restore(Settings(home=tmp_path / "elsewhere"), tmp_path / "kept")
    assert not (tmp_path / "elsewhere").exists()


def test_restore__a_folder_of_data_versions_does_not_become_a_bucket(copied: Workspace, tmp_path: Path) -> None:
    back_up(copied.settings, tmp_path / "kept", NOW)
    with pytest.raises(BadSetting, match=r"a folder for s3://bucket/evergreen\. Set dvc_remote to a folder"):
        restore(Settings(home=tmp_path / "elsewhere", dvc_remote="s3://bucket/evergreen"), tmp_path / "kept")
    assert not (tmp_path / "elsewhere").exists()


def test_backup__takes_nobody_s_place_and_neither_does_restore(copied: Workspace, tmp_path: Path) -> None:
    back_up(copied.settings, tmp_path / "kept", NOW)
    with pytest.raises(Conflict, match="kept is there already"):
        back_up(copied.settings, tmp_path / "kept", NOW)
    with pytest.raises(Conflict, match="is not empty"):
        restore(copied.settings, tmp_path / "kept")
    with pytest.raises(UnreadableFile, match="is no backup"):
        restore(Settings(home=tmp_path / "elsewhere"), tmp_path)


def test_backup__that_fails_leaves_nothing_behind(copied: Workspace, tmp_path: Path) -> None:
    (copied.settings.home / "evergreen.db").unlink()
    with pytest.raises(NotFound, match=r"evergreen.db is not there"):
        back_up(copied.settings, tmp_path / "kept", NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
