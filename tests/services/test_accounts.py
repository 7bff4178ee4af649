"""MLflow and Prefect behind accounts: who has none is refused in a sentence, and no password is written anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from evergreen.adapters.infra.accounts import MLFLOW_PASSWORD, MLFLOW_USER, PREFECT
from evergreen.adapters.infra.processes import Stack
from evergreen.adapters.mlflow.registry import Registry
from evergreen.adapters.mlflow.tracking import Tracking
from evergreen.adapters.models.folder import sha256s
from evergreen.errors import BadSetting, NotPermitted
from evergreen.ops.doctor import examine
from evergreen.ops.local_stack import Ports, environment
from evergreen.settings import Settings
from tests.services.conftest import running_mlflow
from tests.services.servers import Postgresql

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(600)]
ACCOUNT = ("team", "100%-a-word-of-its-own")
OTHER = ("reader", "another-word-of-hers")


def log_in(patch: pytest.MonkeyPatch, account: tuple[str, str] | None) -> None:
    """Give this process an account at both servers, or none."""
    user, password = account or ("", "")
    for name, value in {
        MLFLOW_USER: user,
        MLFLOW_PASSWORD: password,
        PREFECT: account and f"{user}:{password}",
    }.items():
        patch.setenv(name, value or "")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, postgresql: Postgresql, s3: dict[str, str]) -> Iterator[Settings]:
    """An MLflow server that asks for accounts, which it keeps in its PostgreSQL; its artifacts are in a bucket."""
    home = tmp_path_factory.mktemp("guarded") / "home"
    settings = Settings(
        home=home,
        server_auth=True,
        mlflow_database=postgresql.database(),
        mlflow_artifacts="s3://evergreen/mlflow",
    )
    with pytest.MonkeyPatch.context() as patch:
        log_in(patch, ACCOUNT)
        for name, value in s3.items():
            patch.setenv(name, value)
        with running_mlflow(settings) as url:
            yield settings.model_copy(update={"mlflow_uri": url})


def test_mlflow__with_the_account_a_model_is_logged_registered_and_fetched(
    guarded: Settings, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(monkeypatch, ACCOUNT)
    tracking = Tracking(guarded.mlflow)
    run_id = tracking.log_training(model_folder, {}, {})
    registry = Registry(guarded.mlflow)
    registry.register("evergreen", run_id, {})
    registry.set_alias("evergreen", "champion", run_id)
    assert registry.aliases("evergreen") == {"champion": run_id}
    fetched = tracking.download(run_id, tmp_path / "fetched", sha256s(model_folder))
    assert (fetched / "model.txt").read_bytes() == (model_folder / "model.txt").read_bytes()
    assert not (guarded.home / "mlflow-artifacts").exists()


@pytest.mark.parametrize(
    ("account", "why"),
    [(None, "asks for an account"), (("team", "wrong"), "does not know the account"), (OTHER, "does not know")],
)
def test_mlflow__without_the_account_nothing_is_told(
    guarded: Settings, account: tuple[str, str] | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(monkeypatch, account)
    with pytest.raises(BadSetting, match=f"{guarded.mlflow} {why}.*Set MLFLOW_TRACKING_USERNAME"):
        Registry(guarded.mlflow).aliases("evergreen")
    mlflow = next(check for check in examine(guarded) if check.name == "mlflow")
    assert not mlflow.sound
    assert mlflow.sentence.startswith(f"MLflow at {guarded.mlflow} {why}") and mlflow.sentence.count("\n") == 0


def test_mlflow__another_account_may_read_and_not_promote(
    guarded: Settings, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(monkeypatch, ACCOUNT)
    tracking = Tracking(guarded.mlflow)
    run_id = tracking.log_training(model_folder, {}, {})
    version = Registry(guarded.mlflow).register("read", run_id, {})
    body = {"username": "guest", "password": OTHER[1]}
    httpx.post(f"{guarded.mlflow}/api/2.0/mlflow/users/create", json=body, auth=ACCOUNT).raise_for_status()
    log_in(monkeypatch, ("guest", OTHER[1]))
    reader = Registry(guarded.mlflow)
    assert [each.version for each in reader.versions("read")] == [version]
    with pytest.raises(NotPermitted, match="does not let this account do that"):
        reader.set_alias("read", "champion", run_id)


def test_mlflow__no_password_is_in_an_argument_or_a_file_that_others_may_read(guarded: Settings) -> None:
    leaders = [psutil.Process(member.pid) for member in Stack(guarded.home).alive()]
    processes = [each for leader in leaders for each in (leader, *leader.children(recursive=True))]
    files = [file for file in guarded.home.rglob("*") if file.is_file() and file.stat().st_mode & 0o077]
    seen = [" ".join(each.cmdline()) for each in processes] + [file.read_text(errors="replace") for file in files]
    assert len(processes) >= 2 and "mlflow.log" in [file.name for file in files]
    assert not [text for text in seen if ACCOUNT[1] in text or ":secret@" in text]


def test_environment__a_password_that_mlflow_would_not_take_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(monkeypatch, ("team", "short"))
    with pytest.raises(BadSetting, match="no password of fewer than 12 characters"):
        environment(Settings(home=tmp_path), Ports())
