from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from evergreen.adapters.infra.pool import processes
from evergreen.errors import Unavailable

SCRIPT = """
import os, time
from pathlib import Path
from evergreen.adapters.infra.ending import ended_once
from evergreen.adapters.infra.pool import processes

def begin(folder):
    (Path(folder) / str(os.getpid())).touch()

if __name__ == "__main__":
    with ended_once(), processes(2, begin, os.environ["FOLDER"]) as pool:
        futures = [pool.submit(time.sleep, 600) for _ in range(6)]
        futures[0].result()
"""


@pytest.mark.parametrize("numbers", [(signal.SIGKILL,), (signal.SIGTERM,), (signal.SIGINT,) * 2], ids=str)
def test_processes__none_outlives_the_one_that_started_them(tmp_path: Path, numbers: tuple[signal.Signals]) -> None:
    script, begun = tmp_path / "script.py", tmp_path / "begun"
    script.write_text(SCRIPT)
    begun.mkdir()
    command, variables = [sys.executable, str(script)], os.environ | {"FOLDER": str(begun)}
    with subprocess.Popen(command, env=variables, start_new_session=True, stderr=subprocess.DEVNULL) as starter:
        while len(list(begun.iterdir())) < 2:
            time.sleep(0.02)
        for number in numbers:
            (os.killpg if number == signal.SIGINT else os.kill)(starter.pid, number)  # a terminal tells them all
        assert starter.wait(60) != 0
    workers = [int(each.name) for each in begun.iterdir()]
    until = time.monotonic() + 30
    while any(map(psutil.pid_exists, workers)):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_processes__one_that_is_killed_is_a_sentence_and_ends_the_others() -> None:
    with pytest.raises(Unavailable, match="was killed"), processes(2, os.getpid) as pool:
        waiting = pool.submit(time.sleep, 600)
        pool.submit(signal.raise_signal, signal.SIGKILL)
        waiting.result()
    assert multiprocessing.active_children() == []
