"""What the tests of servers share: a small trained model, and an MLflow server on its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from evergreen.adapters.infra.processes import Stack, wait_until_ready
from evergreen.ops import local_stack
from evergreen.ops.local_stack import Ports
from evergreen.settings import Settings
from tests.unit.conftest import model_folder, small_training, small_training_set

__all__ = ["model_folder", "running_mlflow", "small_training", "small_training_set"]


@contextmanager
def running_mlflow(settings: Settings) -> Iterator[str]:
    """The MLflow server of a stack with these settings, without the rest of it; gives its address."""
    stack, ports = Stack(settings.home), Ports(0, 0, 0).chosen()
    variables = local_stack.environment(settings, ports)
    _, (command, health), _ = local_stack.commands(settings, ports)
    try:
        wait_until_ready(stack.start(command, variables), health)
        yield command.url
    finally:
        stack.stop()
