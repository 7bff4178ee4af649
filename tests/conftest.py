"""What every test stands on: a home of its own, no server unless asked for, nothing phoned."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evergreen.workspace import Workspace, open_workspace, workspace

if TYPE_CHECKING:
    from tests.browser import Browser
    from tests.services.servers import Postgresql


def pytest_configure() -> None:
    """A suite started in the background of a shell, or by `nohup`, ignores signals, and so would all that it starts."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("EVERGREEN_") and "TEST" not in name]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A temporary Prefect server for flows and tasks called in this process."""
    os.environ["PREFECT_LOCAL_STORAGE_PATH"] = str(tmp_path_factory.mktemp("prefect-results"))
    os.environ["PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW"] = "ignore"  # tests call tasks outside of flows
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=400):
        yield


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """Headless Chromium with one tab; the test is skipped where there is none."""
    from tests.browser import CHROMIUM, chromium

    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    with chromium(tmp_path / "profile") as running:
        yield running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A real PostgreSQL server; the test is skipped where none is installed."""
    from tests.services.servers import running_postgresql

    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """The URL of a real Redis server; the test is skipped where none is installed."""
    from tests.services.servers import running_redis

    with running_redis() as url:
        yield url


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, str]]:
    """The variables that lead to an S3 server with the bucket `evergreen`."""
    from tests.buckets import running_s3

    with running_s3() as variables:
        yield variables


def enter(home: Path, patch: pytest.MonkeyPatch) -> Workspace:
    """Make `home` the workspace of this process, on the clock of a replay.

    MLflow remembers for a process where the artifacts of a run lie: copies of a home have the same runs elsewhere.
    """
    from mlflow.tracking._tracking_service import utils

    utils._artifact_repos_cache.clear()
    patch.setenv("EVERGREEN_HOME", str(home))
    patch.setenv("EVERGREEN_CLOCK", "replay")
    open_workspace.cache_clear()
    return workspace()
