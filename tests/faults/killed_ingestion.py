"""Run by test_ingest.py in a process of its own: an ingestion killed before each of its steps, then run again.

    python killed_ingestion.py FOLDER VENDOR_BEFORE VENDOR_AFTER

A step is whatever changes the disk: a file opened for writing, renamed or removed, a folder made, a statement or
commit of the database. Prints one line a step: its number, whether it was killed there, and `same` or what differs
from an undisturbed run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import event

from evergreen.market_data.delivery import Order
from evergreen.market_data.ingest import ingest, record_snapshot
from evergreen.settings import Settings
from evergreen.workspace import Workspace

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
TABLES = {
    "data_version": "id, created_at, as_of, rows_added, rows_refused, restated, source",
    "quarantine": "*",
    "decision": "*",
}
FIRST, LAST = pd.Timestamp("2007-12-03"), pd.Timestamp("2008-01-31")
TICKERS = ("S0", "S1", "S2")


class Steps:
    """Counts the steps below `home` and kills the process before the one with number `fatal` (0: none)."""

    def __init__(self, home: Path, fatal: int) -> None:
        self.home, self.fatal, self.taken = str(home), fatal, list[str]()

    def take(self, place: str) -> None:
        self.taken.append(place)
        if len(self.taken) == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def stated(self, *_: Any) -> None:
        self.take("database")

    def watch(self, audited: str, arguments: tuple[Any, ...]) -> None:
        if audited == "open":
            if (arguments[2] or 0) & WRITES and self.home in str(arguments[0]):
                self.take(str(arguments[0]))
        elif audited in CHANGES and self.home in str(arguments[0]):
            self.take(str(arguments[0]))


def deliver(home: Path, vendor: str, hour: int, fatal: int = 0) -> int:
    """Ingest and snapshot in a child process; how it ended (0, or minus a signal), its steps in home/steps."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    steps = Steps(home, fatal)
    sys.addaudithook(steps.watch)
    run(home, vendor, hour, steps)
    steps.fatal, taken = 0, steps.taken
    (home / "steps").write_text("\n".join(taken))
    os._exit(0)


def run(home: Path, vendor: str, hour: int, steps: Steps) -> None:
    """Ingest what `vendor` has and take the snapshot, in this process."""
    at, now = Workspace(Settings(home=home, clock="replay")), datetime(2008, 2, 1, hour, tzinfo=UTC)
    for moment in ("before_cursor_execute", "commit"):
        event.listen(at.engine, moment, steps.stated)
    delivery = ingest(at, Order(vendor, TICKERS, FIRST, LAST, history=True), now)
    record_snapshot(at, delivery.last, delivery.source, delivery.refused, delivery.summary(), now)
    at.engine.dispose()


def state(home: Path) -> dict[str, str]:
    """What must come out the same: each file of the store, of its versions and of quarantine, and the records."""
    folders = (home / "data" / "bars", home / "data" / "versions", home / "quarantine")
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    digests = {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    with sqlite3.connect(home / "evergreen.db") as records:
        rows = {
            name: str(records.execute(f"SELECT {columns} FROM {name}").fetchall()) for name, columns in TABLES.items()
        }
    return digests | rows


def main(folder: Path, before: str, after: str) -> None:
    """One undisturbed run, then one killed at each step."""
    run(folder / "warm", before, 1, Steps(folder, 0))  # what it imports and builds, each child then has
    base, calm, hurt = folder / "base", folder / "calm", folder / "hurt"
    assert deliver(base, before, 1) == 0
    shutil.copytree(base, calm)
    assert deliver(calm, after, 2) == 0
    expected = state(calm)
    assert expected != state(base)
    for step in range(1, len((calm / "steps").read_text().splitlines()) + 1):
        shutil.copytree(base, hurt)
        ended = deliver(hurt, after, 2, fatal=step)
        assert ended == -signal.SIGKILL
        assert deliver(hurt, after, 2) == 0
        ended_as = state(hurt)
        differing = [name for name in expected.keys() | ended_as.keys() if expected.get(name) != ended_as.get(name)]
        print(step, "killed" if ended else "ended", *(differing or ["same"]), flush=True)
        shutil.rmtree(hurt)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
