"""Every research notebook runs from nothing, with small data."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

from evergreen.adapters.notebooks.papermill import run_notebook, to_html

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TWO = {"tickers": ["AAPL", "IBM"]}
SMALL = {
    "explore": TWO | {"as_of": "2001-12-31"},
    "compare": TWO | {"as_of": "2002-06-28", "folds": 2, "test_size": 40, "min_train": 200, "rounds": 10},
    "drift_history": TWO | {"trained_through": "2002-06-28", "as_of": "2002-12-31"},
    "canary": {"sessions": 20},
    "policies": TWO | {"start": "2003-01-02", "end": "2003-02-28", "policies": ["never", "calendar:20"]},
}
SAYS = {
    "explore": ["findings in", "AAPL"],
    "compare": ["dmitted", "champion", "rank_ic"],
    "drift_history": ["looks found drift", "culprit"],
    "canary": ["sessions:", "To see a loss"],
    "policies": ["The highest RankIC was served by", "calendar:20", "retrain_requested"],
}
PICTURES = {"explore": 2, "compare": 2, "drift_history": 2, "canary": 1, "policies": 3}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_research__runs_from_nothing_and_shows_what_it_says(name, tmp_path, monkeypatch):
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "mpl"))
    given = SMALL[name] | {"output": str(tmp_path / "pictures")}
    executed = run_notebook(NOTEBOOKS / f"{name}.ipynb", given, tmp_path / f"{name}.ipynb", timeout=250)
    page = to_html(executed).read_text()
    assert all(sentence in page for sentence in SAYS[name])
    assert len(list((tmp_path / "pictures").glob("*.png"))) == PICTURES[name]
    cells = nbformat.read(executed, as_version=4).cells
    shown = [out for cell in cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(shown) == PICTURES[name]


@pytest.mark.parametrize("notebook", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_research__is_committed_without_outputs_and_defines_nothing(notebook):
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    trees = [ast.parse(cell.source) for cell in cells]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    assert not {ast.FunctionDef, ast.ClassDef} & {type(node) for tree in trees for node in ast.walk(tree)}
    assert len(cells) <= 16
