"""The flow and a researcher's Jupyter run one notebook: equal inputs, equal model."""

from __future__ import annotations

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import nbformat
import pytest

from evergreen.adapters.database import ledger, reading
from evergreen.workspace import REPOSITORY, Workspace

pytestmark = pytest.mark.xdist_group("lived")


def _by_hand(parameters: dict[str, object], folder: Path) -> None:
    """What a person does: type the parameters into the cell made for them, run all cells with Jupyter's own runner."""
    notebook = nbformat.read(REPOSITORY / "notebooks" / "train.ipynb", as_version=4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source += "\n" + "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    nbformat.write(notebook, folder / "mine.ipynb")
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "notebook", "--execute", "mine.ipynb"]
    subprocess.run([*command, "--output", "done.ipynb"], cwd=folder, check=True, capture_output=True, timeout=250)


@pytest.mark.slow
def test_train__through_the_flow_and_through_jupyter_gives_one_model(copied: Workspace, tmp_path: Path) -> None:
    with reading(copied.engine) as conn:
        registered = ledger.read_model_version(conn, "evergreen", "2")
    executed = copied.settings.runs / str(registered.request_id) / "train.ipynb"
    given = json.loads(executed.read_text())["metadata"]["papermill"]["parameters"]
    _by_hand(given | {"output": str(tmp_path / "mine"), "request_id": ""}, tmp_path)
    mine = sha256((tmp_path / "mine" / "model.txt").read_bytes()).hexdigest()
    assert mine == registered.sha256
    assert (tmp_path / "mine" / "manifest.json").read_text() == (copied.model_folder("2") / "manifest.json").read_text()
