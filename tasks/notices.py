"""Telling people, through the Prefect notification block they configured."""

from __future__ import annotations

from typing import Any

from prefect.blocks.core import Block
from prefect.logging import get_run_logger

from evergreen.workspace import workspace


def notify(subject: str, body: str) -> bool:
    """Send a notice through the block that setting `notify` names; whether one was sent.

    A block that is missing or fails is logged: no session stops because nobody could be told.
    """
    name = workspace().settings.notify
    if not name:
        return False
    try:
        block: Any = Block.load(name)  # only a notification block can notify; any other is an AttributeError
        block.notify(body=body, subject=subject)
    except (ValueError, AttributeError, OSError, RuntimeError) as error:
        get_run_logger().warning("nobody was told through block %s: %s", name, error)
        return False
    return True
