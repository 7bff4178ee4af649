"""What `evergreen doctor` looks at: each place a setting names, and what to type when it does not answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from evergreen.adapters.database import reading, rollouts, version_words
from evergreen.adapters.database.lost import lost_record
from evergreen.adapters.infra.accounts import Account, mlflow_account, prefect_account, require_admitted
from evergreen.adapters.infra.buckets import kind, look_at_bucket, require_dvc_plugin, require_mlflow_client
from evergreen.adapters.infra.processes import Stack
from evergreen.adapters.infra.running import how_data_comes
from evergreen.adapters.infra.servers import look_at_postgresql, look_at_redis, look_at_sqlite
from evergreen.adapters.infra.urls import is_postgresql, trusts_proxy, without_password
from evergreen.errors import BadSetting, Broken, EvergreenError, NotFound, Unavailable
from evergreen.ops.known_choices import require_known_choices
from evergreen.ops.known_server import named_server, prefect_server
from evergreen.settings import Settings
from evergreen.workspace import Workspace, require_writable

SQLITE = "sqlite:///"
PATIENCE = 5.0  # seconds for a server to answer
UP = "Type `evergreen up`."


@dataclass(frozen=True)
class Check:
    """One place looked at: what it answered, or what is wrong with it and what to type."""

    name: str
    sound: bool
    sentence: str


def examine(settings: Settings) -> Iterator[Check]:
    """Look at every place the settings name, one after another; a place that fails stops no other."""
    places: dict[str, Callable[[Settings], str]] = {
        "home": _home,
        "choices": require_known_choices,
        "database": _database,
        "bars": _bars,
        "registry": _feature_registry,
        "online": _online_store,
        "mlflow": _mlflow,
        "artifacts": _artifacts,
        "snapshots": _snapshots,
        "messages": _messages,
        "prefect": _prefect,
        "service": _service,
    }
    for name, look in places.items():
        try:
            yield Check(name, True, look(settings))
        except EvergreenError as error:
            yield Check(name, False, str(error))


def _home(settings: Settings) -> str:
    require_writable(settings.home)
    if settings.data.exists() and not settings.data.is_dir():
        raise Broken(f"{settings.data} is no folder, and bars belong there.", "Restore it from a backup.")
    return f"{settings.home.resolve()} is writable"


def _database(settings: Settings) -> str:
    from evergreen.adapters.database.schema import HEAD

    engine = Workspace(settings).engine
    with reading(engine) as conn:
        lost = lost_record(conn, settings.data, without_password(settings.database))
    if lost:
        raise NotFound(f"{lost}.")
    server = "" if engine.dialect.name == "sqlite" else f"{look_at_postgresql(settings.database)}, "
    return f"{server or engine.url.render_as_string()} has schema {HEAD}"


def _bars(settings: Settings) -> str:
    from evergreen.adapters.dvc import last_version
    from evergreen.market_data.lost_bars import require_stored

    at = Workspace(settings)
    if last := last_version(settings.data, settings.remote):
        last.require_present()
        last.require_whole(at.bars.folder)
    require_stored(at)
    bars, restated = at.bars.counts()
    return f"{bars:,} bars are in {at.bars.folder}, {restated:,} of them restated"


def _feature_registry(settings: Settings) -> str:
    return _server(settings.feature_registry) or f"definitions are in {settings.features / 'registry.db'}"


def _online_store(settings: Settings) -> str:
    file = settings.features / "online.db"
    if not settings.online_store:
        look_at_sqlite(file)
    return _server(settings.online_store) or f"features are served from {file}"


def _server(url: str) -> str:
    if not url:
        return ""
    return look_at_postgresql(url) if is_postgresql(url) else look_at_redis(url)


def _mlflow(settings: Settings) -> str:
    if not settings.mlflow.startswith("http"):
        if settings.mlflow.startswith(SQLITE):
            look_at_sqlite(Path(settings.mlflow.removeprefix(SQLITE)))
        return without_password(settings.mlflow)
    answer = _get(f"{settings.mlflow}/version", mlflow_account())
    runs = require_admitted(answer, "MLflow", settings.mlflow).text.strip()
    _require_same("MLflow", settings.mlflow, runs)
    return f"{settings.mlflow} runs MLflow {runs}"


def _require_same(tool: str, where: str, runs: str) -> None:
    """A server and its clients are of one version, to the second number."""
    ours = version(tool.lower())
    if runs.split(".")[:2] != ours.split(".")[:2]:
        raise BadSetting(
            f"{where} runs {tool} {runs}, this process {ours}.", f"Type `pip install {tool.lower()}=={ours}` there."
        )


def _snapshots(settings: Settings) -> str:
    from evergreen.ops.known_server import read_runs

    remote = settings.remote
    require_dvc_plugin(remote)
    if not kind(remote) and not Path(remote).exists():
        coming = how_data_comes(*read_runs(settings))
        raise NotFound(f"{remote} holds no data version yet.", f"{coming[0].upper()}{coming[1:]}.")
    return f"versions go to {look_at_bucket(remote)}"


def _artifacts(settings: Settings) -> str:
    if not settings.mlflow_artifacts:
        return "MLflow's server says where its artifacts go"
    require_mlflow_client(settings.mlflow_artifacts)
    return f"artifacts go to {look_at_bucket(settings.mlflow_artifacts)}"


def _messages(settings: Settings) -> str:
    return _server(settings.prefect_messages) or "events stay within Prefect's server"


def _prefect(settings: Settings) -> str:
    server = prefect_server(settings)
    api, account = server["PREFECT_API_URL"], prefect_account(os.environ | server)
    start = "Start it, or name another in PREFECT_API_URL." if api == named_server() else UP
    runs = require_admitted(_get(f"{api}/admin/version", account, start), "Prefect", api).json()
    _require_same("Prefect", api, runs)
    deployed = _post(f"{api}/deployments/count", account)
    if not deployed:
        raise NotFound(f"{api} knows no deployment.", "Type `make deploy`.")
    pools = [pool["name"] for pool in _post(f"{api}/work_pools/filter", account)]
    workers = {pool: _online(_post(f"{api}/work_pools/{pool}/workers/filter", account)) for pool in pools}
    if not sum(workers.values()):
        raise NotFound(f"No worker is at work for {api}.", _how_one_comes(settings))
    at_work = ", ".join(f"{count} at work for {pool}" for pool, count in workers.items() if count)
    return f"{api} runs Prefect {runs}, {deployed} deployments; workers: {at_work}"


def _how_one_comes(settings: Settings) -> str:
    from evergreen.ops.local_stack import WORK_POOL

    if any(member.name == "worker" for member in Stack(settings.home).alive()):
        return (
            "That of `evergreen up` runs and reports within half a minute: ask again, or see `evergreen logs worker`."
        )
    return f"Type `prefect worker start --pool {WORK_POOL}`."


def _service(settings: Settings) -> str:
    url = _service_url(settings)
    answer = _get(f"{url}/readyz", start="Type `evergreen serve`." if named_server() else UP)
    if answer.status_code != httpx.codes.OK:
        raise Unavailable(f"{url} is not ready: {answer.text[:200]}", "Type `evergreen status`.")
    return f"{url} is ready{_champion(settings)}"


def _champion(settings: Settings) -> str:
    at = Workspace(settings)
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, settings.model_name)
        return f"; champion: {version_words.champion(conn, rollout.model, rollout.champion)}" if rollout else ""


def _service_url(settings: Settings) -> str:
    """Where the running stack's service listens, whatever port it was given; else where the settings say."""
    for member in Stack(settings.home).alive():
        if member.name == "service":
            return member.url
    return f"http://{settings.service_host}:{settings.service_port}"


def _get(url: str, account: Account | None = None, start: str = UP) -> httpx.Response:
    try:
        return httpx.get(url, timeout=PATIENCE, auth=account, trust_env=trusts_proxy(url))
    except httpx.HTTPError as error:
        raise Unavailable(f"{url} did not answer: {error}.", start) from None


def _post(url: str, account: Account | None) -> Any:
    try:
        return (
            httpx.post(url, json={}, timeout=PATIENCE, auth=account, trust_env=trusts_proxy(url))
            .raise_for_status()
            .json()
        )
    except httpx.HTTPError as error:
        raise Unavailable(f"{url} did not answer: {error}.", "Type `evergreen up`.") from None


def _online(workers: list[dict[str, Any]]) -> int:
    return sum(worker["status"] == "ONLINE" for worker in workers)
