"""Which Prefect server this process is pointed at, and what runs there."""

from __future__ import annotations

import os

from evergreen.adapters.infra.accounts import account_of
from evergreen.adapters.infra.processes import Stack
from evergreen.adapters.infra.running import Running
from evergreen.errors import BadSetting
from evergreen.settings import Settings


def named_server() -> str:
    """The Prefect server that the environment names; empty where it names none."""
    return os.environ.get("PREFECT_API_URL", "").rstrip("/")


def prefect_server(settings: Settings) -> dict[str, str]:
    """The Prefect server this process is pointed at, as variables: PREFECT_API_URL's, else the running stack's own.

    The account kept in the home goes to the stack's own server only.

    Raises:
        BadSetting: neither; an ephemeral server would never evaluate a trigger.
    """
    named = named_server()
    running = [f"{member.url}/api" for member in Stack(settings.home).alive() if member.name == "prefect"]
    for url in running:
        if named in ("", url):
            return {"PREFECT_API_URL": url} | account_of(settings.home)
    if named:
        return {"PREFECT_API_URL": named}
    raise BadSetting("No Prefect server is known.", "Type `evergreen up`, or set PREFECT_API_URL to your server's.")


def read_runs(settings: Settings) -> tuple[list[Running], str]:
    """The flow runs under way on the known Prefect server, and why the last backfill failed; nothing where no server is
    known or answers."""
    try:
        server = prefect_server(settings)
    except BadSetting:
        return [], ""
    from evergreen.adapters.infra.prefect_api import (
        PrefectApi,
        failure_on,
        running_on,
    )  # httpx: for a known server only

    api = PrefectApi.at(server, hurried=True)
    return running_on(api), failure_on(api)
