"""A run of Evergreen as an Airflow task that waits without holding a worker's slot."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent

EVERGREEN = os.environ.get("EVERGREEN", "evergreen")
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def asking(deployment: str, key: str, parameters: Mapping[str, str]) -> list[str]:
    """The command that starts the run of `key`, or finds it again."""
    given = [f"--param={name}={value}" for name, value in parameters.items()]
    return [EVERGREEN, "run", deployment, "--key", key, "--json", *given]


class EvergreenRunTrigger(BaseTrigger):
    """Fires once the run has ended, with what `evergreen run --json` says of it."""

    def __init__(self, deployment: str, key: str, parameters: Mapping[str, str], pause: float) -> None:
        super().__init__()
        self.deployment, self.key, self.parameters, self.pause = deployment, key, parameters, pause

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Where the triggerer finds this class, and with what it makes it anew."""
        names = ("deployment", "key", "parameters", "pause")
        return "evergreen_run.EvergreenRunTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look again and again; asked for with the same key, a run is never started twice."""
        while True:
            command = asking(self.deployment, self.key, self.parameters)
            process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            answer, _ = await process.communicate()
            run = json.loads(answer)
            if run["state"] in ENDED:
                yield TriggerEvent(run)
                return
            await asyncio.sleep(self.pause)


class EvergreenRun(BaseOperator):
    """Starts a deployment and waits, deferred; a retry of the task finds the same run again."""

    template_fields = ("deployment", "key", "parameters")

    def __init__(
        self,
        *,
        deployment: str,
        parameters: Mapping[str, str] | None = None,
        key: str = "{{ dag_run.run_id }}-{{ task.task_id }}",
        pause: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deployment, self.parameters, self.key, self.pause = deployment, dict(parameters or {}), key, pause

    def execute(self, context: Any) -> None:
        """Ask for the run, then give the slot back until it has ended."""
        subprocess.run(asking(self.deployment, self.key, self.parameters), check=True)
        trigger = EvergreenRunTrigger(self.deployment, self.key, self.parameters, self.pause)
        self.defer(trigger=trigger, method_name="ended")

    def ended(self, context: Any, event: Mapping[str, str]) -> str:
        """The run's id, once it has completed."""
        if event["state"] != "COMPLETED":
            raise AirflowException(f"{event['name']} is {event['state'].lower()}: {event['message']} {event['page']}")
        return event["id"]
