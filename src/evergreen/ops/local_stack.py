"""The embedded stack: a Prefect server, its worker, MLflow and the service, on loopback, in one folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from evergreen.adapters.infra.accounts import guards
from evergreen.adapters.infra.buckets import require_mlflow_client
from evergreen.adapters.infra.extras import require_installed
from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.adapters.infra.processes import LOOPBACK, Command, Member, Stack, choose_port, wait_until_ready
from evergreen.adapters.infra.urls import with_driver
from evergreen.errors import BadSetting, Unavailable
from evergreen.ops.schedules import in_market
from evergreen.settings import Market, Settings
from evergreen.workspace import REPOSITORY

WORK_POOL = "evergreen"


@dataclass(frozen=True)
class Ports:
    """Loopback ports; 0 takes any free one."""

    prefect: int = 4200
    mlflow: int = 5000
    service: int = 8780

    def chosen(self) -> Ports:
        """The same with every 0 replaced, after a look that nobody listens there."""
        return Ports(choose_port(self.prefect), choose_port(self.mlflow), choose_port(self.service))


def environment(settings: Settings, ports: Ports) -> dict[str, str]:
    """What every process of the stack, and whoever talks to it, is told."""
    require_mlflow_client(settings.mlflow_artifacts)
    home = settings.home.resolve()
    variables = settings.variables()
    if settings.prefect_database:
        variables["PREFECT_API_DATABASE_CONNECTION_URL"] = with_driver(settings.prefect_database, "asyncpg")
    variables |= messages(settings.prefect_messages) if settings.prefect_messages else {}
    mlflow_database = with_driver(settings.mlflow_database, "psycopg") or f"sqlite:///{home / 'mlflow.db'}"
    if settings.server_auth:
        variables |= guards(mlflow_database, home / "mlflow-accounts.ini")
    return variables | {
        "EVERGREEN_HOME": str(home),
        "EVERGREEN_MLFLOW_URI": f"http://{LOOPBACK}:{ports.mlflow}",
        "EVERGREEN_SERVICE_PORT": str(ports.service),
        "MLFLOW_BACKEND_STORE_URI": mlflow_database,  # not among the arguments, which everybody can list
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"http://{LOOPBACK}:{ports.prefect}/api",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }


def messages(redis: str) -> dict[str, str]:
    """What a Prefect server is told so that events, their order and leases go through Redis.

    Raises:
        BadSetting: prefect-redis is not installed.
    """
    require_installed("prefect_redis", "Prefect cannot pass messages through Redis", "evergreen[team]")
    return {
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_SERVER_DOCKET_URL": redis,
        "PREFECT_REDIS_MESSAGING_URL": redis,
    }


def commands(settings: Settings, ports: Ports) -> list[tuple[Command, str]]:
    """Each member with the address that answers once it is ready, in the order they start."""
    home = settings.home.resolve()
    prefect, mlflow, service = (f"http://{LOOPBACK}:{port}" for port in (ports.prefect, ports.mlflow, ports.service))
    server = ("-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(ports.prefect))
    registry = (
        *("-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(ports.mlflow), "--workers", "1"),
        *(("--app-name", "basic-auth") if settings.server_auth else ()),
        *("--artifacts-destination", settings.mlflow_artifacts or str(home / "mlflow-artifacts")),
    )
    return [
        (Command("prefect", server, prefect), f"{prefect}/api/health"),
        (Command("mlflow", registry, mlflow), f"{mlflow}/health"),
        (Command("service", ("-m", "evergreen", "serve"), service), f"{service}/healthz"),
    ]


WORKER = Command("worker", ("-m", "prefect", "worker", "start", "--pool", WORK_POOL, "--type", "process"))


def api_url(settings: Settings) -> str:
    """The Prefect server this process is pointed at: PREFECT_API_URL, else the running stack's own.

    Raises:
        BadSetting: neither; an ephemeral server would never evaluate a trigger.
    """
    if url := os.environ.get("PREFECT_API_URL"):
        return url
    for member in Stack(settings.home).alive():
        if member.name == "prefect":
            return f"{member.url}/api"
    raise BadSetting("No Prefect server is known.", "Type `evergreen up`, or set PREFECT_API_URL to your server's.")


def start(settings: Settings, ports: Ports, say: Callable[[str], None]) -> dict[str, str]:
    """Bring the whole stack up and deploy the flows to it; on any failure stop what was started.

    Returns the environment under which its parts, and its users, run.
    """
    stack, chosen = Stack(settings.home), ports.chosen()
    variables = environment(settings, chosen)
    try:
        started = [(stack.start(command, variables), health) for command, health in commands(settings, chosen)]
        prefect, *others = started
        _await(*prefect, say)
        _prepare(settings, variables)
        stack.start(WORKER, variables)
        for member, health in others:
            _await(member, health, say)
    except BaseException:
        stack.stop()
        raise
    return variables


def _await(member: Member, health: str, say: Callable[[str], None]) -> None:
    wait_until_ready(member, health)
    say(f"{member.name:<8} {member.url}")


def _prepare(settings: Settings, variables: dict[str, str]) -> None:
    api = PrefectApi(variables["PREFECT_API_URL"])
    api.crash_unfinished()
    api.create_work_pool(WORK_POOL)
    deploy(variables, settings.home / "logs" / "deploy.log", market=settings.market)


def deploy(
    variables: dict[str, str],
    log: Path,
    declared: Path = REPOSITORY / "prefect.yaml",
    market: Market = Market(),
) -> None:
    """Register every deployment of `declared` on the server named in `variables`, scheduled by the market's clock.

    Raises:
        Unavailable: Prefect refused, with the place of its log.
    """
    declaration = in_market(yaml.safe_load(declared.read_text()), market)
    with log.open("ab") as stream, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_text(yaml.safe_dump(declaration, sort_keys=False))
        run = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)],
            cwd=REPOSITORY,
            env=os.environ | variables,
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if run.returncode:
        raise Unavailable("`prefect deploy --all` failed.", f"Its last words are in {log}.")
