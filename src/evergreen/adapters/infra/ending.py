"""How a process ends that has started others: nothing it started outlives it, whatever signals come, and how many."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

Handler = Callable[[int, FrameType | None], Any] | int | None

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, a supervisor's word, a terminal that was closed


@contextmanager
def ended_once() -> Iterator[None]:
    """The first signal of `ENDING` raises within; those after it find the end under way and are dropped.

    For the main thread. What this process was started to ignore, as by `nohup`, stays ignored.

    Raises:
        KeyboardInterrupt: Ctrl-C.
        SystemExit: another of them, with the status a shell expects.
    """

    def end(number: int, frame: FrameType | None) -> NoReturn:
        _handle(dict.fromkeys(before, lambda number, frame: None))
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    before = _obeyed()
    _handle(dict.fromkeys(before, end))
    try:
        yield
    finally:
        _handle(before)


@contextmanager
def held_back() -> Iterator[None]:
    """A signal of `ENDING` waits until what runs within is over, and counts then.

    No other thread than the main one is ever interrupted by a signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = _obeyed()
    _handle(dict.fromkeys(before, lambda number, frame: arrived.append(number)))
    try:
        yield
    finally:
        _handle(before)
        for number in arrived:
            signal.raise_signal(number)


def _obeyed() -> dict[int, Handler]:
    """The handlers there are. What is ignored stays so, for this process and for those it starts."""
    handlers = {number: signal.getsignal(number) for number in ENDING}
    return {number: handler for number, handler in handlers.items() if handler not in (None, signal.SIG_IGN)}


def _handle(handlers: Mapping[int, Handler]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def end_with_parent() -> None:
    """Have this child of `multiprocessing` end with who started it, even if that one is killed: nobody else ends it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: Any) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
