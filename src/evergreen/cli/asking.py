"""Asking the Prefect server for a run."""

from __future__ import annotations

from typing import Any

from evergreen.settings import load_settings


def start(deployment: str, parameters: dict[str, Any]) -> None:
    """Ask for a run of `deployment` with the parameters that were given, and say where to watch it."""
    from evergreen.adapters.infra.prefect_api import PrefectApi
    from evergreen.ops.local_stack import prefect_server

    given = {name: value for name, value in parameters.items() if value is not None}
    api = PrefectApi.at(prefect_server(load_settings()))
    run = api.start(deployment, given)
    print(f"{run.name} is asked for: {api.page(run)}")
