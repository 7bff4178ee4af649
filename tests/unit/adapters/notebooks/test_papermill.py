from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from evergreen.adapters.notebooks.papermill import run_notebook, to_html
from evergreen.adapters.notebooks.parameters import check_parameters, read_parameters
from evergreen.errors import BadInput, NotebookFailed, NotFound, Unavailable, UnreadableFile

PARAMETERS = """
path: str = ""
folds = 3
rate = 0.5
quick = False
tickers = ["AAPL"]
"""


def made_notebook(path: Path, *sources: str, parameters: str = PARAMETERS) -> Path:
    cells = [nbformat.v4.new_markdown_cell("# A title")]
    cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone_within(pid: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not alive(pid):
            return True
        time.sleep(0.1)
    return False


def test_read_parameters__are_names_and_defaults(tmp_path):
    notebook = made_notebook(tmp_path / "n.ipynb")
    assert read_parameters(notebook) == {
        "path": "",
        "folds": 3,
        "rate": 0.5,
        "quick": False,
        "tickers": ["AAPL"],
    }


@pytest.mark.parametrize(
    "given",
    [
        {"path": "x", "folds": 4, "rate": 1, "quick": True, "tickers": ["A", "B"]},
        {"tickers": []},
        {},
    ],
)
def test_check_parameters__lets_fitting_values_through(tmp_path, given):
    assert check_parameters(made_notebook(tmp_path / "n.ipynb"), given) == given


@pytest.mark.parametrize(
    "given",
    [
        {"nothing": 1},
        {"folds; import os": 1},
        {"folds": "3"},
        {"folds": True},
        {"folds": 3.0},
        {"rate": "0.5"},
        {"rate": float("nan")},
        {"quick": 1},
        {"path": None},
        {"path": {"a": 1}},
        {"tickers": "AAPL"},
        {"tickers": [1]},
        {"tickers": ["A"] * 1001},
    ],
)
def test_check_parameters__refuses_what_the_notebook_does_not_ask_for(tmp_path, given):
    with pytest.raises(BadInput, match=r"n\.ipynb"):
        check_parameters(made_notebook(tmp_path / "n.ipynb"), given)


@pytest.mark.parametrize("cell", ["folds = len('abc')", "import os", "folds, rate = 1, 2", "x ="])
def test_read_parameters__only_plain_literals_make_a_parameters_cell(tmp_path, cell):
    with pytest.raises(UnreadableFile, match="parameters cell"):
        read_parameters(made_notebook(tmp_path / "n.ipynb", parameters=cell))


def test_read_parameters__what_is_no_notebook_is_refused(tmp_path):
    with pytest.raises(NotFound):
        read_parameters(tmp_path / "missing.ipynb")
    (tmp_path / "page.ipynb").write_text("<html>")
    with pytest.raises(UnreadableFile, match="is not a notebook"):
        read_parameters(tmp_path / "page.ipynb")
    (tmp_path / "empty.ipynb").write_text('{"cells": []}')
    with pytest.raises(UnreadableFile, match="0 cells tagged"):
        read_parameters(tmp_path / "empty.ipynb")


def test_run_notebook__parameters_reach_the_cells_and_progress_is_told(tmp_path):
    code = "import json, pathlib\npathlib.Path(path).write_text(json.dumps([folds, rate, tickers]))"
    notebook = made_notebook(tmp_path / "n.ipynb", code, "print('noise')\n6 * 7")
    progress: list[tuple[int, int]] = []
    values = {"path": str(tmp_path / "out.json"), "tickers": ['quo"te', "new\nline"]}
    executed = run_notebook(
        notebook,
        values,
        tmp_path / "runs" / "done.ipynb",
        60,
        lambda finished, cells: progress.append((finished, cells)),
    )
    assert json.loads((tmp_path / "out.json").read_text()) == [3, 0.5, ['quo"te', "new\nline"]]
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    page = to_html(executed).read_text()
    assert "42" in page and "A title" in page and 'src="http' not in page


def test_run_notebook__a_failing_cell_becomes_the_error_with_number_source_and_traceback(tmp_path):
    notebook = made_notebook(tmp_path / "n.ipynb", "x = 1", "1 / (x - 1)", "never = 1")
    with pytest.raises(NotebookFailed, match=r"In \[3\] of n.ipynb failed: ZeroDivisionError") as caught:
        run_notebook(notebook, {}, tmp_path / "done.ipynb", 60)
    error = caught.value
    assert (error.cell, error.source, error.ename) == (3, "1 / (x - 1)", "ZeroDivisionError")
    assert "1 / (x - 1)" in error.traceback and "\x1b" not in error.traceback
    assert "ZeroDivisionError" in (tmp_path / "done.ipynb").read_text()


def test_run_notebook__a_server_that_does_not_answer_stays_worth_a_retry(tmp_path):
    code = "from evergreen.errors import Unavailable\nraise Unavailable('the registry is away.')"
    with pytest.raises(Unavailable, match="the registry is away"):
        run_notebook(made_notebook(tmp_path / "n.ipynb", code), {}, tmp_path / "done.ipynb", 60)


def test_run_notebook__an_endless_cell_ends_with_its_kernel_at_the_timeout(tmp_path):
    code = f"import os, pathlib\npathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    notebook = made_notebook(tmp_path / "n.ipynb", code, "while True: pass")
    with pytest.raises(NotebookFailed, match=r"In \[3\] of n.ipynb failed: Timeout"):
        run_notebook(notebook, {}, tmp_path / "done.ipynb", timeout=4)
    assert gone_within(int((tmp_path / "pid").read_text()), 5)


def test_run_notebook__a_killed_kernel_is_named(tmp_path):
    notebook = made_notebook(tmp_path / "n.ipynb", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(NotebookFailed, match=r"In \[2\] of n.ipynb failed: KernelDied"):
        run_notebook(notebook, {}, tmp_path / "done.ipynb", 60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_run_notebook__no_kernel_outlives_a_killed_caller(tmp_path, number):
    code = f"import os, pathlib\npathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    notebook = made_notebook(tmp_path / "n.ipynb", code, "while True: pass")
    script = (
        "from pathlib import Path; from evergreen.adapters.notebooks.papermill import run_notebook; "
        f"run_notebook(Path({str(notebook)!r}), {{}}, Path({str(tmp_path / 'done.ipynb')!r}))"
    )
    caller = subprocess.Popen([sys.executable, "-c", script])
    until = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until and caller.poll() is None
        time.sleep(0.1)
    os.kill(caller.pid, number)
    caller.wait()
    assert gone_within(int((tmp_path / "pid").read_text()), 10)


def test_run_notebook__what_a_persons_own_profile_runs_is_not_run(tmp_path, monkeypatch):
    startup = tmp_path / "home" / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("sum = lambda values: -1")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "home" / ".ipython"))
    monkeypatch.setenv("PYTHONSTARTUP", str(startup / "00.py"))
    foreign = tmp_path / "home" / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "Python 3", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "home" / "jupyter"))
    notebook = made_notebook(tmp_path / "n.ipynb", "import sys\nprint(sum([1, 2]), sys.executable)")
    executed = run_notebook(notebook, {}, tmp_path / "done.ipynb", 60)
    (output,) = nbformat.read(executed, as_version=4).cells[-1].outputs
    assert output.text.split() == ["3", sys.executable]
