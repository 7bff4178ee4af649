"""Data versions in a bucket, and what is said when it does not answer."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.bars import BarStore
from evergreen.adapters.dvc import Snapshots
from evergreen.adapters.infra.buckets import look_at_bucket
from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate
from evergreen.errors import BadSetting, Unavailable
from evergreen.ops.doctor import examine
from evergreen.settings import Settings

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2008-01-02"), pd.Timestamp("2008-01-31"))
NOW = pd.Timestamp("2008-02-01", tz="UTC")
pytestmark = pytest.mark.xdist_group("s3")


@pytest.fixture
def remote(s3: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in the bucket, which this process can reach."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    return f"s3://evergreen/{tmp_path.name}"


def store(folder: Path) -> BarStore:
    bars = BarStore(folder, Calendar("XNYS"))
    bars.append(simulate(3, DAYS, seed=1), NOW, "test")
    return bars


def test_snapshots__pushed_from_one_workspace_are_pulled_into_an_empty_one(tmp_path: Path, remote: str) -> None:
    bars = store(tmp_path / "data")
    version = Snapshots(tmp_path / "data", remote).commit()
    empty = tmp_path / "empty"
    (empty / "versions").mkdir(parents=True)
    pointer = f"versions/{version}.dvc"
    (empty / pointer).write_bytes((tmp_path / "data" / pointer).read_bytes())
    pulled = BarStore(Snapshots(empty, remote).checkout(version, tmp_path / "pulled"), Calendar("XNYS"))
    pd.testing.assert_frame_equal(pulled.as_of(NOW), bars.as_of(NOW))


def test_snapshots__a_bucket_that_is_not_there_is_named(tmp_path: Path, remote: str) -> None:
    store(tmp_path / "data")
    with pytest.raises(Unavailable, match=r"remote s3://nowhere/x\): The specified bucket does not exist"):
        Snapshots(tmp_path / "data", "s3://nowhere/x").commit()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [("AWS_ENDPOINT_URL", "http://127.0.0.1:9", "Could not connect"), ("AWS_ACCESS_KEY_ID", "", "credentials")],
)
def test_snapshots__a_silent_bucket_is_unavailable_and_not_damaged(
    tmp_path: Path, remote: str, variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path / "data")
    monkeypatch.setenv(variable, value)
    with pytest.raises(Unavailable, match=f"no snapshot was taken in .*{message}"):
        Snapshots(tmp_path / "data", remote).commit()
    with pytest.raises(Unavailable, match=f"did not answer: .*{message}"):
        look_at_bucket(remote)


def test_snapshots__without_the_plugin_a_sentence_says_what_to_type(
    tmp_path: Path, remote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dvc_s3", None)
    with pytest.raises(BadSetting, match=r"without dvc_s3\. Type `pip install '\.\[s3\]'`"):
        Snapshots(tmp_path / "data", remote)


def test_examine__asks_each_bucket(tmp_path: Path, remote: str) -> None:
    settings = Settings(home=tmp_path, dvc_remote=remote, mlflow_artifacts="s3://nowhere/mlflow")
    checks = {check.name: check for check in examine(settings)}
    assert (checks["snapshots"].sound, checks["snapshots"].sentence) == (True, f"versions go to {remote}")
    assert not checks["artifacts"].sound and "s3://nowhere/mlflow did not answer" in checks["artifacts"].sentence
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in "".join(check.sentence for check in checks.values())
