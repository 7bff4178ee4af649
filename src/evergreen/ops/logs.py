"""The logs of the stack's parts: found by name, read from their end, followed."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from evergreen.errors import BadInput, NotFound

PAUSE = 0.2  # seconds between two looks at a followed file


def log_files(home: Path, part: str = "") -> dict[str, Path]:
    """The log of each part that has ever been started from `home`, or of one.

    Raises:
        NotFound: nothing was started yet.
        BadInput: there is no such part.
    """
    files = {file.stem: file for file in sorted((home / "logs").glob("*.log")) if file.is_file()}
    if not files:
        raise NotFound(f"Nothing has been started from {home}.", "Type `evergreen up`.")
    if part and part not in files:
        raise BadInput(f"There is no log of {part!r}.", f"Known: {', '.join(files)}.")
    return {part: files[part]} if part else files


def tail(file: Path, lines: int) -> list[str]:
    """The last lines of a file, without their ends."""
    with file.open(errors="replace") as stream:
        return [line.rstrip("\n") for line in deque(stream, maxlen=lines)]


def follow_logs(files: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """Each whole line that is written after this call, with the name of its file; never ends."""
    streams = {name: file.open(errors="replace") for name, file in files.items()}
    for stream in streams.values():
        stream.seek(0, os.SEEK_END)
    return _whole_lines(streams)


def _whole_lines(streams: Mapping[str, TextIO]) -> Iterator[tuple[str, str]]:
    begun = dict.fromkeys(streams, "")
    while True:
        for name, stream in streams.items():
            *lines, begun[name] = (begun[name] + stream.read()).split("\n")
            yield from ((name, line) for line in lines)
        time.sleep(PAUSE)
