"""The whole stack with every database on PostgreSQL: drift starts a retraining, and a second stack takes over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from evergreen.adapters.database import decisions, ledger, reading, requests
from evergreen.adapters.stack import Stack
from evergreen.settings import Settings
from evergreen.workspace import Workspace
from tests.flows.test_stack import SESSIONS, WALK, told, walk
from tests.services.servers import Postgresql

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1300)]


@dataclass(frozen=True)
class Team:
    """A walked stack and the servers below it."""

    settings: Settings
    prefect: str


@pytest.fixture(scope="module", params=["postgresql", "redis"])
def team(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql: Postgresql
) -> Iterator[Team]:
    """A stack that has walked; only its online store differs."""
    redis: str = request.getfixturevalue("redis")
    settings = Settings(
        home=tmp_path_factory.mktemp("team") / "home",
        clock="replay",
        refresh_seconds=0.05,
        database_url=postgresql.database(),
        feature_registry=postgresql.database(),
        online_store=postgresql.database() if request.param == "postgresql" else redis,
        prefect_database=postgresql.database(),
        mlflow_database=postgresql.database(),
        retrain_after=3,
    )
    try:
        yield Team(settings, walk(settings).url)
    finally:
        Stack(settings.home).stop()


def rows(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        (count,) = connection.execute(f"select count(*) from {table}").fetchone() or (0,)
    return int(count)


def test_team__a_finding_started_a_retraining_by_automation(team: Team) -> None:
    at = Workspace(team.settings)
    with reading(at.engine) as conn:
        asked = requests.recent(conn, team.settings.model_name)
        assert decisions.verify(conn) == []
    assert {request.cause for request in asked} >= {"bootstrap", "old_age"}
    for request in asked:
        run = httpx.get(f"{team.prefect}/flow_runs/{request.claimed_by}").json()
        assert (request.state, run["created_by"]["type"]) == ("done", "AUTOMATION")


def test_team__every_session_was_walked_and_every_client_answered(team: Team) -> None:
    account = told(team.settings)
    assert account["sessions"] == {"count": SESSIONS, "first": "2008-07-01", "last": "2008-07-08"}
    assert account["predictions"] == SESSIONS * WALK["clients"] * len(WALK["tickers"])


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
        assert ledger.clock(conn, elsewhere.model_name) == WALK["end"]
    assert told(elsewhere) == told(team.settings)
