"""What the tests of servers share: a small trained model, and an MLflow server on its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from evergreen import embedded
from evergreen.adapters.stack import Stack, wait_until_ready
from evergreen.embedded import Ports
from evergreen.settings import Settings
from tests.unit.adapters.conftest import model_folder, small_training, small_training_set

__all__ = ["model_folder", "running_mlflow", "small_training", "small_training_set"]


@contextmanager
def running_mlflow(settings: Settings) -> Iterator[str]:
    """The MLflow server of a stack with these settings, without the rest of it; gives its address."""
    stack, ports = Stack(settings.home), Ports(0, 0, 0).chosen()
    told = embedded.environment(settings, ports)
    _, (command, health), _ = embedded.commands(settings, ports)
    try:
        wait_until_ready(stack.start(command, told), health)
        yield command.url
    finally:
        stack.stop()
