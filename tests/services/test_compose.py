"""The servers of the compose file, started as it says but for names and ports: on the servers of the tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from redis import Redis

from evergreen.adapters.infra.accounts import MLFLOW_PASSWORD, MLFLOW_USER
from evergreen.adapters.infra.processes import LOOPBACK, Command, Stack, choose_port, wait_until_ready
from evergreen.adapters.mlflow.registry import Registry
from evergreen.adapters.mlflow.tracking import Tracking
from evergreen.workspace import REPOSITORY
from tests.services.servers import Postgresql
from tests.services.test_two_workers import until

DECLARED = yaml.safe_load((REPOSITORY / "deploy" / "compose.yaml").read_text())
ACCOUNT = ("team", "a-word-of-its-own")
VARIABLES = {
    "POSTGRES_PASSWORD": "secret",
    "PREFECT_ACCOUNT": ":".join(ACCOUNT),
    "MLFLOW_USER": ACCOUNT[0],
    "MLFLOW_PASSWORD": ACCOUNT[1],
    "MLFLOW_SECRET_KEY": "any-long-word",
}
EVENT = {
    "id": "6a6b2c8e-0d0f-4d64-9a3c-9c5a3f0f6a11",
    "event": "evergreen.tried",
    "resource": {"prefect.resource.id": "evergreen.model.evergreen"},
}
TRIGGER = {"type": "event", "posture": "Reactive", "expect": ["evergreen.tried"], "threshold": 1, "within": 0}
AUTOMATION = {"name": "tried", "trigger": TRIGGER, "actions": [{"type": "do-nothing"}]}
ACTED = {"event": {"name": ["prefect.automation.triggered"]}}
pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Place:
    """Where the containers' names, folders and ports are in a test."""

    home: Path
    names: dict[str, str]
    ports: dict[str, int]

    def expanded(self, text: str) -> str:
        """What compose would hand to a process, as it holds here."""
        text = re.sub(r"\$\{(\w+):(\?|-([^}]*))\}", lambda match: match[3] or VARIABLES[match[1]], text)
        for name, here in self.names.items():
            text = text.replace(name, here)
        return text

    def command(self, service: str) -> Command:
        url = f"http://{LOOPBACK}:{self.ports[service]}"
        return Command(service, ("-m", *map(self.expanded, DECLARED["services"][service]["command"])), url)

    def second(self) -> Command:
        """Another Prefect server, which only answers: the first one evaluates the triggers."""
        first, port = self.command("prefect"), str(choose_port(0))
        arguments = [port if each == str(self.ports["prefect"]) else each for each in first.arguments]
        return Command("prefect-second", (*arguments, "--no-services"), f"http://{LOOPBACK}:{port}")

    def environment(self, service: str) -> dict[str, str]:
        declared = DECLARED["services"][service]["environment"]
        return {name: self.expanded(value) for name, value in declared.items() if value is not None}

    def write_configs(self) -> None:
        for config in DECLARED["services"]["mlflow"]["configs"]:
            file = Path(self.expanded(config["target"]))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.expanded(DECLARED["configs"][config["source"]]["content"]))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, postgresql: Postgresql, redis: str) -> Iterator[Place]:
    """Prefect and MLflow of the compose file, answering."""
    home, ports = tmp_path_factory.mktemp("compose"), {"prefect": choose_port(0), "mlflow": choose_port(0)}
    server = postgresql.url.partition("@")[2].partition("/")[0]
    names = {"@postgres/": f"@{server}/", "redis://redis:6379": redis.rpartition("/")[0], "0.0.0.0": LOOPBACK}
    names |= {"/var/lib/evergreen": str(home), "/etc/": f"{home}/etc/"}
    at = Place(home, names | {"4200": str(ports["prefect"]), "=5000": f"={ports['mlflow']}"}, ports)
    with psycopg.connect(postgresql.url, autocommit=True) as admin:
        for statement in (REPOSITORY / "deploy" / "databases.sql").read_text().split(";")[:-1]:
            admin.execute(statement)
    at.write_configs()
    stack = Stack(home)
    try:
        for service, health in {"prefect": "/api/health", "mlflow": "/health"}.items():
            command = at.command(service)
            wait_until_ready(stack.start(command, at.environment(service)), f"{command.url}{health}")
        yield at
    finally:
        stack.stop()


@pytest.mark.parametrize(("service", "path"), [("prefect", "/api/admin/version"), ("mlflow", "/version")])
def test_server__answers_its_account_and_nobody_else(place: Place, service: str, path: str) -> None:
    url = f"{place.command(service).url}{path}"
    assert httpx.get(url).status_code == httpx.codes.UNAUTHORIZED
    assert httpx.get(url, auth=(ACCOUNT[0], "wrong")).status_code == httpx.codes.UNAUTHORIZED
    assert httpx.get(url, auth=ACCOUNT).text.strip('"\n').startswith("3.")


def test_mlflow__takes_a_model_from_the_loop_s_account(
    place: Place, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MLFLOW_USER, ACCOUNT[0])
    monkeypatch.setenv(MLFLOW_PASSWORD, ACCOUNT[1])
    uri = place.command("mlflow").url
    assert Registry(uri).register("evergreen", Tracking(uri).log_training(model_folder, {}, {}), {}) == "1"
    assert list((place.home / "mlflow-artifacts").rglob("model.txt"))


def test_prefect__an_event_told_to_a_second_server_is_acted_on_by_the_first(place: Place) -> None:
    first, second = place.command("prefect"), place.second()
    wait_until_ready(Stack(place.home).start(second, place.environment("prefect")), f"{second.url}/api/health")
    event = EVENT | {"occurred": datetime.now(UTC).isoformat()}
    with httpx.Client(auth=ACCOUNT) as api:
        api.post(f"{first.url}/api/automations/", json=AUTOMATION).raise_for_status()
        api.post(f"{second.url}/api/events", json=[event]).raise_for_status()
        acted = until(lambda: api.post(f"{second.url}/api/events/filter", json={"filter": ACTED}).json()["events"])
    assert acted[0]["payload"]["triggering_event"]["id"] == EVENT["id"]
    url = place.environment("prefect")["PREFECT_REDIS_MESSAGING_URL"]
    with Redis.from_url(url, decode_responses=True) as messages:
        events: list[Any] = messages.xrevrange("events")  # type: ignore[assignment]
    assert [message for _, message in events if EVENT["id"] in str(message)]


def test_servers__log_no_password(place: Place) -> None:
    logs = list((place.home / "logs").glob("*.log"))
    assert {"prefect", "mlflow"} <= {log.stem for log in logs}
    for word in (ACCOUNT[1], ":secret@", VARIABLES["MLFLOW_SECRET_KEY"]):
        assert [log for log in logs if word in log.read_text()] == []
