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
from sqlalchemy import text

from evergreen.adapters.database import decisions, ledger, reading, requests
from evergreen.adapters.stack import Stack
from evergreen.backup import back_up, restore
from evergreen.core.calendar import sessions
from evergreen.errors import Conflict
from evergreen.reproduction import reproduce
from evergreen.settings import Settings
from evergreen.workspace import Workspace
from tests.flows.test_stack import WALK, told, walk
from tests.services.servers import Postgresql

ACCOUNT = ("team", "a-word-of-its-own")
SHORT = WALK | {"clients": 2}
INTO_THE_BREAK = {
    "source": "sample",
    "tickers": ["AAPL", "IBM", "MSFT", "GOOG"],
    "start": "2008-09-02",
    "end": "2008-11-04",
    "history": "2000-03-01",
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
    def workspace(self) -> Workspace:
        return Workspace(self.settings)


@pytest.fixture(scope="module", params=["postgresql", "redis"])
def team(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql: Postgresql
) -> Iterator[Team]:
    """A stack that has walked, behind authentication: into the drift of 2008, or with Redis a few sessions."""
    redis: str = request.getfixturevalue("redis")
    market = INTO_THE_BREAK if request.param == "postgresql" else SHORT
    settings = Settings(
        home=tmp_path_factory.mktemp("team") / "home",
        clock="replay",
        refresh_seconds=0.05,
        database_url=postgresql.database(),
        feature_registry=postgresql.database(),
        online_store=postgresql.database() if request.param == "postgresql" else redis,
        prefect_database=postgresql.database(),
        mlflow_database=postgresql.database(),
        retrain_after=250 if request.param == "postgresql" else 3,
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING"):
            patch.setenv(name, ":".join(ACCOUNT))
        try:
            yield Team(settings, walk(settings, market=market).url, market)
        finally:
            Stack(settings.home).stop()


def rows(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        (count,) = connection.execute(f"select count(*) from {table}").fetchone() or (0,)
    return int(count)


def test_team__a_finding_started_a_retraining_by_automation(team: Team) -> None:
    with reading(team.workspace.engine) as conn:
        asked = requests.recent(conn, team.settings.model_name)
        assert decisions.verify(conn) == []
    found = "covariate_shift" if team.market is INTO_THE_BREAK else "old_age"
    assert {request.cause for request in asked} == {"bootstrap", found}
    for request in asked:
        run = httpx.get(f"{team.prefect}/flow_runs/{request.claimed_by}", auth=ACCOUNT).json()
        assert (request.state, run["created_by"]["type"]) == ("done", "AUTOMATION")


def test_team__prefect_answers_nobody_without_the_account(team: Team) -> None:
    assert httpx.get(f"{team.prefect}/admin/version").status_code == httpx.codes.UNAUTHORIZED


def test_team__every_session_was_walked_and_every_client_answered(team: Team) -> None:
    account, market = told(team.settings), team.market
    walked = sessions("XNYS", pd.Timestamp(market["start"]), pd.Timestamp(market["end"]))
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


def test_team__doctor_finds_every_place_sound(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    from evergreen.doctor import examine

    members = {member.name: member.url for member in Stack(team.settings.home).alive()}
    port = int(members["service"].rpartition(":")[2])
    settings = team.settings.model_copy(update={"service_port": port, "mlflow_uri": members["mlflow"]})
    checks = list(examine(settings))
    assert [check for check in checks if not check.sound] == []
    assert not [check for check in checks if "secret" in check.said]


def test_team__another_process_on_the_same_servers_sees_the_same(team: Team, tmp_path: Path) -> None:
    elsewhere = team.settings.model_copy(update={"home": tmp_path / "elsewhere"})
    with reading(Workspace(elsewhere).engine) as conn:
        assert ledger.clock(conn, elsewhere.model_name) == team.market["end"]
    assert told(elsewhere) == told(team.settings)


def test_team__restored_into_empty_databases_a_served_prediction_is_reproduced_to_the_bit(
    team: Team, tmp_path: Path, postgresql: Postgresql
) -> None:
    back_up(team.settings, tmp_path / "kept", datetime.now(UTC))
    elsewhere = Settings(
        home=tmp_path / "elsewhere", database_url=postgresql.database(), mlflow_database=postgresql.database()
    )
    restore(elsewhere, tmp_path / "kept")
    again = Workspace(elsewhere)
    with reading(again.engine) as conn:
        served = conn.execute(text("select id from prediction where version <> '1' order by id limit 1")).scalar_one()
    assert [each for each in reproduce(again, str(served)) if not each.same] == []
    assert told(elsewhere) == told(team.settings)
    assert rows(elsewhere.mlflow_database, "model_versions") == rows(team.settings.mlflow_database, "model_versions")
    with pytest.raises(Conflict, match="Restore into an empty database"):
        restore(elsewhere.model_copy(update={"home": tmp_path / "third"}), tmp_path / "kept")
