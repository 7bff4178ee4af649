"""Feast imported without its run-time type checks: 1 second in place of 7, in every process that needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typeguard


def import_feast() -> None:
    """Import Feast; what is imported of it afterwards finds it loaded.

    At its first import Feast has typeguard parse and rewrite each of its functions. MLflow brings Feast in as
    well: its first request over HTTP loads a plugin that Feast registers.
    """
    with _unchecked():
        import feast  # noqa: F401


@contextmanager
def _unchecked() -> Iterator[None]:
    checked = typeguard.typechecked
    typeguard.typechecked = _as_it_is
    try:
        yield
    finally:
        typeguard.typechecked = checked


def _as_it_is(target: Any = None, **_options: Any) -> Any:
    """`typechecked` as a decorator, with options or without, that decorates nothing."""
    return target if target is not None else _as_it_is
