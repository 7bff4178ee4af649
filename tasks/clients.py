"""Simulated clients of the prediction service, for replays."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pandas as pd

from evergreen.adapters.database import predictions, reading, rollouts
from evergreen.adapters.infra.urls import trusts_proxy
from evergreen.core.bars.session import iso
from evergreen.errors import Unavailable
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect

PATIENCE = 30.0  # seconds for the service to follow a change
PAUSE = 0.05  # seconds between two looks at what the service serves
AT_ONCE = 4  # questions under way


@effect
def ask_clients(tickers: list[str], session: pd.Timestamp, clients: int) -> int:
    """Let each client ask for every ticker once in the session; returns how many forecasts were asked for.

    What was asked before an interruption is not asked again.

    Raises:
        Unavailable: the service does not answer, or does not follow the rollout and the features in time.
    """
    at = workspace()
    with reading(at.engine) as conn:
        answered = predictions.askers(conn, session)
    names = [f"client-{number:03d}" for number in range(clients)]
    unasked = {name: [ticker for ticker in tickers if (name, ticker) not in answered] for name in names}
    base = _service(at)
    client = httpx.Client(base_url=base, timeout=10.0, trust_env=trusts_proxy(base))
    with client as http, ThreadPoolExecutor(AT_ONCE) as pool:
        await_service(http, at, session)
        return sum(pool.map(partial(_ask, http), names, unasked.values()))


def await_service(http: httpx.Client, at: Workspace, session: pd.Timestamp) -> None:
    """Wait until the service serves the rollout as it stands and features of `session`."""
    with reading(at.engine) as conn:
        version = rollouts.current(conn, at.settings.model_name).version
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = http.get("/v1/rollout")
        if answer.status_code == httpx.codes.OK and _follows(answer.json(), version, session):
            return
        time.sleep(PAUSE)
    raise Unavailable(f"The service did not come to session {iso(session)}: {answer.text[:200]}", "Look at its log.")


def _follows(rollout: dict[str, object], version: int, session: pd.Timestamp) -> bool:
    return rollout["version"] == version and str(rollout["as_of"]) >= iso(session)


def _ask(http: httpx.Client, client: str, tickers: list[str]) -> int:
    if not tickers:
        return 0
    answer = http.post("/v1/predictions", json={"tickers": tickers}, headers={"X-Client-Id": client})
    if answer.status_code != httpx.codes.OK:
        raise Unavailable(f"The service answered {answer.status_code}: {answer.text[:200]}")
    return len(answer.json()["predictions"])


def _service(at: Workspace) -> str:
    return f"http://{at.settings.service_host}:{at.settings.service_port}"
