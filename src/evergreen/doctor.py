"""What `evergreen doctor` looks at: each place a setting names, and what to type when it does not answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from evergreen.errors import EvergreenError, NotFound, Unavailable
from evergreen.settings import Settings
from evergreen.workspace import Workspace, require_writable

PATIENCE = 5.0  # seconds for a server to answer


@dataclass(frozen=True)
class Check:
    """One place looked at: what it said, or what is wrong with it and what to type."""

    name: str
    sound: bool
    said: str


def examine(settings: Settings) -> Iterator[Check]:
    """Look at every place the settings name, one after another; a place that fails stops no other."""
    places: dict[str, Callable[[Settings], str]] = {
        "home": _home,
        "database": _database,
        "mlflow": _mlflow,
        "snapshots": _snapshots,
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
    return f"{settings.home.resolve()} is writable"


def _database(settings: Settings) -> str:
    from evergreen.adapters.database.schema import HEAD

    engine = Workspace(settings).engine
    return f"{engine.url.render_as_string()} has schema {HEAD}"


def _mlflow(settings: Settings) -> str:
    if not settings.mlflow.startswith("http"):
        return settings.mlflow
    return f"{settings.mlflow} runs MLflow {_get(f'{settings.mlflow}/version', 'evergreen up').text.strip()}"


def _snapshots(settings: Settings) -> str:
    remote = settings.remote
    if "://" in remote:
        return f"versions go to {remote}"
    if not Path(remote).exists():
        raise NotFound(f"{remote} holds no data version yet.", "Type `evergreen backfill`.")
    return f"versions go to {remote}"


def _prefect(settings: Settings) -> str:
    from evergreen.embedded import api_url

    api = api_url(settings)
    version = _get(f"{api}/admin/version", "evergreen up").json()
    deployed = _count(f"{api}/deployments/count")
    if not deployed:
        raise NotFound(f"{api} knows no deployment.", "Type `make deploy`.")
    return f"{api} runs Prefect {version}, {deployed} deployments"


def _service(settings: Settings) -> str:
    url = f"http://{settings.service_host}:{settings.service_port}"
    answer = _get(f"{url}/readyz", "evergreen up")
    if answer.status_code != httpx.codes.OK:
        raise Unavailable(f"{url} is not ready: {answer.text[:200]}", "Type `evergreen status`.")
    return f"{url} is ready"


def _get(url: str, remedy: str) -> httpx.Response:
    try:
        return httpx.get(url, timeout=PATIENCE)
    except httpx.HTTPError as error:
        raise Unavailable(f"{url} did not answer: {error}.", f"Type `{remedy}`.") from None


def _count(url: str) -> int:
    try:
        return int(httpx.post(url, json={}, timeout=PATIENCE).raise_for_status().text)
    except httpx.HTTPError as error:
        raise Unavailable(f"{url} did not answer: {error}.", "Type `evergreen up`.") from None
