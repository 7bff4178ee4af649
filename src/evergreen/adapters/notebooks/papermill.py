"""Runs a parameterized notebook with papermill, in a process of its own that never outlives its caller.

The process apart keeps papermill's event loop and signal handlers away from the caller's, and is what
a timeout or a SIGTERM can end for certain, kernel included.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from evergreen.adapters.notebooks.parameters import check_parameters
from evergreen.errors import EvergreenError, NotebookFailed, Unavailable

GRACE_SECONDS = 5.0  # from a polite end to a kill: a flow run that is stopped must be gone in 10 s
START_SECONDS = 60.0  # a kernel and its imports, beside the notebook's own timeout, on a busy machine

Progress = Callable[[int, int], None]


def run_notebook(
    notebook: Path,
    parameters: Mapping[str, Any],
    output: Path,
    timeout: float = 1800.0,
    on_progress: Progress = lambda finished, cells: None,
) -> Path:
    """Execute `notebook` with `parameters` and keep it, outputs included, at `output`.

    The kernel works in the caller's working directory. The executed notebook is kept after a failure
    too, as far as it ran.

    Args:
        notebook: an .ipynb with one cell tagged `parameters`.
        parameters: JSON scalars or short lists; no secrets, they are stored in the output.
        output: where the executed notebook goes.
        timeout: seconds for all cells together, and so for each.
        on_progress: told how many cells are done, of how many.

    Returns:
        `output`.

    Raises:
        BadInput: a parameter the notebook does not have, or of another type than its default.
        NotebookFailed: a cell raised, ran out of time or lost its kernel.
        Unavailable: a cell met a server that did not answer: worth a retry.
    """
    checked = check_parameters(notebook, parameters)
    output.parent.mkdir(parents=True, exist_ok=True)
    job = {"notebook": str(notebook), "parameters": checked, "output": str(output), "timeout": timeout}
    with tempfile.TemporaryFile() as noise, _process(job, noise) as process:
        watchdog = threading.Timer(timeout + START_SECONDS, process.kill)
        watchdog.start()
        try:
            failure = _follow(process, on_progress)
        finally:
            watchdog.cancel()
        if process.wait() != 0 and failure is None:
            failure = _died(process.returncode, noise)
    if failure is not None:
        raise _error(notebook, output, failure)
    return output


def to_html(executed: Path) -> Path:
    """The executed notebook as one HTML page beside it, pictures embedded, readable without internet."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="lab", embed_images=True, mathjax_url="", require_js_url="")
    page, _ = exporter.from_filename(str(executed))
    target = executed.with_suffix(".html")
    target.write_text(page)
    return target


@contextmanager
def _process(job: Mapping[str, Any], noise: IO[bytes]) -> Iterator[subprocess.Popen[str]]:
    """The child; it ends itself when its standard input closes, also when this process is killed."""
    command = [sys.executable, "-m", "evergreen.adapters.notebooks.process"]
    with tempfile.TemporaryDirectory(prefix="evergreen-profile-") as profile:
        process = subprocess.Popen(
            command,
            env=_nobodys_profile(profile),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=noise,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            yield process
        finally:
            _end(process)


def _nobodys_profile(folder: str) -> dict[str, str]:
    """The environment without what a person's own profile would run or configure in the kernel, unseen.

    The kernel is that of this interpreter: kernels installed for a person are not looked for.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONSTARTUP", "JUPYTER_PATH")}
    own = dict.fromkeys(("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"), folder)
    return inherited | own | {"JUPYTER_PREFER_ENV_PATH": "1"}


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _follow(process: subprocess.Popen[str], on_progress: Progress) -> dict[str, Any] | None:
    """Read the child's reports to their end; the failure it told of, if any."""
    assert process.stdout is not None
    failure = None
    for line in process.stdout:
        report = json.loads(line)
        if "done" in report:
            on_progress(report["done"], report["cells"])
        else:
            failure = report
    return failure


def _died(code: int, noise: IO[bytes]) -> dict[str, Any]:
    noise.seek(0)
    text = noise.read().decode(errors="replace").strip()
    last = text.splitlines()[-1] if text else "no word of why"
    return {
        "cell": 0,
        "source": "",
        "ename": "ProcessDied",
        "evalue": f"exit code {code}: {last}",
        "traceback": text,
    }


def _error(notebook: Path, executed: Path, failure: Mapping[str, Any]) -> EvergreenError:
    if failure["ename"] == Unavailable.__name__:
        return Unavailable(f"{notebook.name} met a server that did not answer: {failure['evalue']}")
    return NotebookFailed(notebook, executed, failure)
