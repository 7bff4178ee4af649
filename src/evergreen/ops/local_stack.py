"""The embedded stack: a Prefect server, its worker, MLflow and the service, on loopback, in one folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from evergreen.adapters.infra.accounts import MLFLOW_PASSWORD, MLFLOW_USER, PREFECT, account_of, guards, make_account
from evergreen.adapters.infra.buckets import require_mlflow_client
from evergreen.adapters.infra.extras import require_installed
from evergreen.adapters.infra.let_in import let_in_link
from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.adapters.infra.processes import LOOPBACK, Command, Member, Stack, choose_port, wait_until_ready
from evergreen.adapters.infra.urls import past_proxies, with_driver
from evergreen.errors import Unavailable
from evergreen.ops.schedules import in_market
from evergreen.settings import MarketSettings, Settings
from evergreen.workspace import REPOSITORY

WORK_POOL = "evergreen"
ROLES = {  # what each part is for, as a person meets it
    "prefect": "runs the flows by clock and by event, and shows them",
    "mlflow": "keeps every training and every model",
    "service": "answers clients with forecasts; its first page is the status page",
    "worker": "does the work of the flows",
}


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
        make_account(home)
        account = account_of(home)
        variables |= account | guards(account, mlflow_database, home / "mlflow-accounts.ini")
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
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{LOOPBACK}:{ports.prefect}",
        "PREFECT__SERVER_FINAL": "1",  # what Prefect's own command says to the one server of a process
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"{LOOPBACK}:{ports.mlflow},localhost:{ports.mlflow}",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": f"http://{LOOPBACK}:{ports.mlflow}",
        **past_proxies(),
    }


def messages(redis: str) -> dict[str, str]:
    """What a Prefect server is told so that events, their order and leases go through Redis.

    Raises:
        BadSetting: prefect-redis is not installed.
    """
    require_installed("prefect_redis", "Prefect cannot pass messages through Redis", ".[team]")
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
    server = (
        *("-m", "uvicorn", "--app-dir", str(REPOSITORY), "--factory", "tasks.prefect_server:guarded"),
        *("--host", LOOPBACK, "--port", str(ports.prefect), "--timeout-keep-alive", "5", "--no-access-log"),
    )
    registry = (
        *("-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(ports.mlflow), "--workers", "1"),
        *(("--app-name", "evergreen") if settings.server_auth else ()),
        *("--artifacts-destination", settings.mlflow_artifacts or str(home / "mlflow-artifacts")),
    )
    return [
        (Command("prefect", server, prefect), f"{prefect}/api/health"),
        (Command("mlflow", registry, mlflow), f"{mlflow}/health"),
        (Command("service", ("-m", "evergreen", "serve"), service), f"{service}/healthz"),
    ]


WORKER = Command("worker", ("-m", "prefect", "worker", "start", "--pool", WORK_POOL, "--type", "process"))


def links(settings: Settings, variables: Mapping[str, str]) -> dict[str, str]:
    """Where a person's browser is let in to the servers of a stack: addresses that log in, to be kept to oneself."""
    prefect, mlflow = variables["PREFECT_API_URL"].removesuffix("/api"), variables["EVERGREEN_MLFLOW_URI"]
    if not settings.server_auth:
        return {"prefect": prefect, "mlflow": mlflow}
    return {
        "prefect": let_in_link(prefect, variables[PREFECT]),
        "mlflow": let_in_link(mlflow, f"{variables[MLFLOW_USER]}:{variables[MLFLOW_PASSWORD]}"),
    }


def start(settings: Settings, ports: Ports, say: Callable[[str], None]) -> dict[str, str]:
    """Bring the whole stack up and deploy the flows to it; on any failure stop what was started.

    Returns the environment under which its parts, and its users, run.

    Raises:
        Conflict: it runs, or another process is starting it.
    """
    with Stack(settings.home).only_starter():
        return _start(settings, ports, say)


@contextmanager
def pages(settings: Settings, ports: Ports, say: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """MLflow and the service for a while, and nothing that would change what they show; gives their environment.

    Raises:
        Conflict: the stack runs, or another process is starting it.
    """
    stack = Stack(settings.home)
    with ExitStack() as ending:
        with stack.only_starter():
            ending.callback(stack.stop)
            chosen = ports.chosen()
            variables = environment(settings, chosen)
            parts = [each for each in commands(settings, chosen) if each[0].name != "prefect"]
            for member, health in [(stack.start(command, variables), health) for command, health in parts]:
                _await(member, health, say)
        yield variables


def _start(settings: Settings, ports: Ports, say: Callable[[str], None]) -> dict[str, str]:
    stack, chosen = Stack(settings.home), ports.chosen()
    variables = environment(settings, chosen)
    with ExitStack() as undone:
        undone.callback(stack.stop)
        started = [(stack.start(command, variables), health) for command, health in commands(settings, chosen)]
        prefect, *others = started
        _await(*prefect, say)
        _prepare(settings, variables)
        stack.start(WORKER, variables)
        for member, health in others:
            _await(member, health, say)
        say(_introduced(WORKER.name, ""))
        undone.pop_all()
    return variables


def _await(member: Member, health: str, say: Callable[[str], None]) -> None:
    wait_until_ready(member, health)
    say(_introduced(member.name, member.url))


def _introduced(name: str, url: str) -> str:
    return f"{name:<8} {url:<22} {ROLES[name]}"


def _prepare(settings: Settings, variables: dict[str, str]) -> None:
    api = PrefectApi.at(variables)
    api.crash_unfinished()
    api.create_work_pool(WORK_POOL)
    deploy(variables, settings.home / "logs" / "deploy.log", market=settings.market)


def deploy(
    variables: Mapping[str, str],
    log: Path,
    declared: Path = REPOSITORY / "prefect.yaml",
    market: MarketSettings = MarketSettings(),
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
            env=os.environ | past_proxies() | dict(variables),
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if run.returncode:
        raise Unavailable("`prefect deploy --all` failed.", f"Its last words are in {log}.")
