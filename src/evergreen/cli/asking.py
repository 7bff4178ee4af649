"""Asking the Prefect server for a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evergreen.cli.here import load_settings

if TYPE_CHECKING:
    from evergreen.adapters.infra.prefect_api import PrefectApi


def start(deployment: str, parameters: dict[str, Any]) -> None:
    """Ask for a run of `deployment` with the parameters that were given, and say where to watch it."""
    api = server()
    given = {name: value for name, value in parameters.items() if value is not None}
    run = api.start(deployment, given)
    print(f"{run.name} is asked for: {api.page(run)}")


def server() -> PrefectApi:
    """The API of the Prefect server this process is pointed at."""
    from evergreen.adapters.infra.prefect_api import PrefectApi
    from evergreen.ops.known_server import prefect_server

    return PrefectApi.at(prefect_server(load_settings()))
