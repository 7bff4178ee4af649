"""Heavy imports while something else is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import Thread


@contextmanager
def importing(name: str) -> Iterator[None]:
    """Import the module `name` in a thread beside the body, which waits for another process.

    A failure is told by the import that follows, where it is wanted.
    """
    thread = Thread(target=_try, args=(name,))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _try(name: str) -> None:
    with suppress(ImportError):
        import_module(name)
