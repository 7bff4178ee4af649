"""The process in which papermill runs: one job from standard input, reports as JSON lines on standard output.

It ends, and its kernel with it, on SIGTERM and when standard input closes (its caller is gone).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from evergreen.adapters.infra.ending import ended_once

Report = Callable[[dict[str, Any]], None]


def main() -> int:
    """Run the job; 0 when every cell ran."""
    reports = _reserve_standard_output()
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_caller, daemon=True).start()
    with ended_once():
        return _run(job, lambda report: print(json.dumps(report), file=reports, flush=True))


def _reserve_standard_output() -> TextIO:
    """Whatever a library prints goes to standard error; only reports leave by standard output."""
    reports = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return reports


def _end_with_caller() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _run(job: dict[str, Any], report: Report) -> int:
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    cells = _Cells(job, report)
    try:
        papermill.execute_notebook(
            job["notebook"],
            job["output"],
            parameters=job["parameters"],
            progress_bar=False,
            timeout_func=cells.seconds_left,
            shutdown_kernel="immediate",
            on_cell_start=cells.started,
            on_cell_complete=cells.completed,
        )
    except papermill.PapermillExecutionError as error:
        traceback = papermill.exceptions.strip_color("\n".join(error.traceback))
        cells.failed(error.ename, error.evalue, traceback)
        return 1
    except CellTimeoutError:
        cells.failed("Timeout", f"not done within {job['timeout']:g} s", "")
        return 1
    except DeadKernelError:
        cells.failed("KernelDied", "the kernel ended: killed, or out of memory", "")
        return 1
    return 0


class _Cells:
    """Which cell is running, and until when."""

    def __init__(self, job: dict[str, Any], report: Report) -> None:
        self._report = report
        self._deadline = time.monotonic() + float(job["timeout"])
        content = json.loads(Path(job["notebook"]).read_text())
        kinds = [cell["cell_type"] for cell in content["cells"]]
        self._cells = kinds.count("code") + bool(job["parameters"])
        self._number = 0
        self._source = ""

    def seconds_left(self, cell: Any) -> int:
        return max(1, round(self._deadline - time.monotonic()))

    def started(self, cell: Any, cell_index: int) -> None:
        if cell["cell_type"] == "code":
            self._number += 1
            self._source = cell["source"]

    def completed(self, cell: Any, cell_index: int) -> None:
        self._report({"done": self._number, "cells": self._cells})

    def failed(self, ename: str, evalue: str, traceback: str) -> None:
        self._report(
            {
                "cell": self._number,
                "source": self._source,
                "ename": ename,
                "evalue": evalue,
                "traceback": traceback,
            }
        )


if __name__ == "__main__":
    sys.exit(main())
