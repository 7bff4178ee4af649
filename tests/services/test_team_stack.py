"""The whole stack with every database on PostgreSQL: drift starts a retraining, and a second stack takes over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psycopg
import pytest
from redis import Redis
from sqlalchemy import text

from evergreen.adapters.database import decisions, ledger, reading, requests
from evergreen.adapters.infra.accounts import MLFLOW_PASSWORD, MLFLOW_USER, PREFECT
from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.adapters.infra.processes import Stack
from evergreen.audit.reproduce import reproduce
from evergreen.core.bars.calendar import Calendar
from evergreen.errors import BadSetting, Conflict
from evergreen.ops.backup import back_up, restore
from evergreen.ops.doctor import examine
from evergreen.settings import Settings
from evergreen.workspace import Workspace
from tests.flows.test_stack import WALK, comparable_account, walk
from tests.services.servers import Postgresql

ACCOUNT = ("team", "a-word-of-its-own")
FROM_2000 = {"tickers": ["AAPL", "IBM", "MSFT", "GOOG"], "history": "2000-03-01"}  # so that a trained model serves
SHORT = WALK | FROM_2000 | {"clients": 2}
INTO_THE_BREAK = {
    **FROM_2000,
    "source": "sample",
    "start": "2008-09-02",
    "end": "2008-11-04",
    "clients": 2,
}
pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1300)]


@dataclass(frozen=True)
class Team:
    """A walked stack and the servers below it."""

    settings: Settings
    prefect: str
    market: dict[str, Any]

    @property
    def reachable(self) -> Settings:
        """The settings of somebody who uses the stack that runs."""
        members = {member.name: member.url for member in Stack(self.settings.home).alive()}
        port = int(members["service"].rpartition(":")[2])
        return self.settings.model_copy(update={"service_port": port, "mlflow_uri": members["mlflow"]})

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.settings)


@pytest.fixture(scope="module", params=["postgresql", "redis"])
def team(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql: Postgresql
) -> Iterator[Team]:
    """A stack that has walked behind accounts: a few sessions with all on PostgreSQL; or into the drift of 2008 with
    what is served and Prefect's messages on Redis, and data versions and artifacts in a bucket."""
    alone = request.param == "postgresql"
    market = SHORT if alone else INTO_THE_BREAK
    settings = Settings(
        home=tmp_path_factory.mktemp("team") / "home",
        clock="replay",
        refresh_seconds=0.05,
        database_url=postgresql.database(),
        feature_registry=postgresql.database(),
        online_store=postgresql.database(),
        prefect_database=postgresql.database(),
        mlflow_database=postgresql.database(),
        server_auth=True,
        retrain_after=3 if alone else 250,
    )
    if not alone:
        settings = settings.model_copy(update=elsewhere(request.getfixturevalue("redis")))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (log_in(*ACCOUNT) | request.getfixturevalue("s3")).items():
            patch.setenv(name, value)
        try:
            yield Team(settings, walk(settings, market=market).url, market)
        finally:
            Stack(settings.home).stop()


def elsewhere(redis: str) -> dict[str, str]:
    """Settings of what is neither in files nor on PostgreSQL."""
    return {
        "online_store": redis,
        "prefect_messages": f"{redis.rpartition('/')[0]}/1",
        "dvc_remote": "s3://evergreen/versions",
        "mlflow_artifacts": "s3://evergreen/artifacts",
    }


def log_in(user: str, password: str) -> dict[str, str]:
    """The variables that Prefect's and MLflow's clients read."""
    return {PREFECT: f"{user}:{password}", MLFLOW_USER: user, MLFLOW_PASSWORD: password}


def rows(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        (count,) = connection.execute(f"select count(*) from {table}").fetchone() or (0,)
    return int(count)


def test_team__a_finding_started_a_retraining_by_automation(team: Team) -> None:
    with reading(team.workspace.engine) as conn:
        recorded = requests.recent(conn, team.settings.model_name)
        assert decisions.verify(conn) == []
    cause = "covariate_shift" if team.market is INTO_THE_BREAK else "old_age"
    assert {request.cause for request in recorded} == {"bootstrap", cause}
    for request in recorded:
        run = httpx.get(f"{team.prefect}/flow_runs/{request.claimed_by}", auth=ACCOUNT).json()
        assert (request.state, run["created_by"]["type"]) == ("done", "AUTOMATION")


def test_team__events_went_through_redis(team: Team) -> None:
    if not team.settings.prefect_messages:
        pytest.skip("this team's Prefect keeps its messages to itself")
    with Redis.from_url(team.settings.prefect_messages, decode_responses=True) as messages:
        groups: list[dict[str, Any]] = messages.xinfo_groups("events")  # type: ignore[assignment]
    assert {group["name"] for group in groups} >= {"reactive-triggers", "event-persister"}
    assert all(group["entries-read"] > 0 for group in groups)


def test_team__who_has_no_account_is_refused_and_told_so(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = team.reachable
    for server in (f"{team.prefect}/admin/version", f"{settings.mlflow}/version"):
        assert httpx.get(server).status_code == httpx.codes.UNAUTHORIZED
    for name in log_in(*ACCOUNT):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_API_URL", team.prefect)
    unsound = {check.name: check for check in examine(settings) if not check.sound}
    assert unsound.keys() == {"prefect", "mlflow"}
    assert unsound["prefect"].sentence == f"Prefect at {team.prefect} asks for an account. Set {PREFECT}=user:password."
    assert unsound["mlflow"].sentence.startswith(f"MLflow at {settings.mlflow} asks for an account. Set {MLFLOW_USER}")
    with pytest.raises(BadSetting, match="asks for an account"):
        PrefectApi(team.prefect).start("reconcile/reconcile", {})


def test_team__every_session_was_walked_and_every_client_answered(team: Team) -> None:
    account, market = comparable_account(team.settings), team.market
    walked = Calendar("XNYS").sessions(pd.Timestamp(market["start"]), pd.Timestamp(market["end"]))
    assert account["sessions"] == {"count": len(walked), "first": market["start"], "last": market["end"]}
    assert account["predictions"] == len(walked) * market["clients"] * len(market["tickers"])


def test_team__each_database_holds_what_is_its_own_and_no_file_does(team: Team) -> None:
    settings = team.settings
    assert rows(settings.prefect_database, "flow_run") > 0
    assert rows(settings.mlflow_database, "model_versions") >= 2
    assert rows(settings.feature_registry, "feature_views") == 2
    assert rows(settings.database_url, "prediction") > 0
    home = settings.home
    assert not [file for file in (home, home / "prefect", home / "features") for file in file.glob("*.db")]


def test_team__doctor_finds_every_place_sound(team: Team) -> None:
    checks = list(examine(team.reachable))
    assert [check for check in checks if not check.sound] == []
    assert not [check for check in checks if "secret" in check.sentence or ACCOUNT[1] in check.sentence]


def test_team__no_password_is_in_a_log(team: Team) -> None:
    logs = list((team.settings.home / "logs").glob("*.log"))
    assert {log.stem for log in logs} >= {"prefect", "mlflow", "service", "worker", "deploy"}
    assert [log for log in logs if ACCOUNT[1] in log.read_text() or ":secret@" in log.read_text()] == []


def test_team__another_process_on_the_same_servers_sees_the_same(team: Team, tmp_path: Path) -> None:
    another = team.settings.model_copy(update={"home": tmp_path / "another"})
    with reading(Workspace(another).engine) as conn:
        assert ledger.clock(conn, another.model_name) == team.market["end"]
    assert comparable_account(another) == comparable_account(team.settings)


def test_team__restored_into_empty_databases_a_served_prediction_is_reproduced_to_the_bit(
    team: Team, tmp_path: Path, postgresql: Postgresql
) -> None:
    back_up(team.settings, tmp_path / "kept", datetime.now(UTC))
    empty = team.settings.model_copy(
        update={
            "home": tmp_path / "elsewhere",
            "database_url": postgresql.database(),
            "mlflow_database": postgresql.database(),
        }
    )
    manifest = restore(empty, tmp_path / "kept")
    assert len(manifest.elsewhere) == (2 if team.settings.dvc_remote else 0)
    again = Workspace(empty)
    with reading(again.engine) as conn:
        served = conn.execute(text("select id from prediction where version <> '1' order by id limit 1")).scalar_one()
    assert [each for each in reproduce(again, str(served)) if not each.same] == []
    assert comparable_account(empty) == comparable_account(team.settings)
    for table in ("model_versions", "users"):
        assert rows(empty.mlflow_database, table) == rows(team.settings.mlflow_database, table) > 0
    with pytest.raises(Conflict, match="Restore into an empty database"):
        restore(empty.model_copy(update={"home": tmp_path / "third"}), tmp_path / "kept")
