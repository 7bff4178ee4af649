"""Every research notebook runs from nothing, with small data."""

from __future__ import annotations

import ast
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest

from evergreen.adapters.database import open_database, reading, rollouts
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.notebooks.papermill import run_notebook, to_html
from evergreen.core.canary import PowerPlan, plan_power

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
DATA = Path(__file__).parents[1] / "data"
TWO = {"tickers": ["AAPL", "IBM"]}
SMALL = {
    "explore": TWO | {"as_of": "2001-12-31"},
    "compare": TWO | {"as_of": "2002-06-28", "folds": 2, "test_size": 40, "min_train": 200, "rounds": 10},
    "drift_history": TWO | {"trained_through": "2002-06-28", "as_of": "2002-12-31"},
    "canary": {"sessions": 20},
    "sweep": TWO
    | {
        "as_of": "2002-06-28",
        "candidates": [{"learner": "ridge"}, {"learner": "ridge", "ridge_penalty": 1.0}],
        "choices": {"folds": 2, "test_size": 40, "min_train": 200},
    },
    "policies": TWO | {"start": "2004-06-01", "end": "2004-07-16", "policies": ["never", "calendar:20"]},
}
SAYS = {
    "explore": ["findings in", "AAPL"],
    "compare": ["dmitted", "champion", "rank_ic"],
    "drift_history": ["looks found drift", "culprit"],
    "canary": ["sessions:", "To see a loss"],
    "sweep": ["ridge ridge_penalty=1.0", "evergreen challenge ", "the best of 2"],
    "policies": ["The highest RankIC was served by", "calendar:20", "retrain_requested"],
}
PICTURES = {"explore": 2, "compare": 2, "drift_history": 2, "canary": 1, "sweep": 1, "policies": 4}


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


@pytest.mark.slow
def test_canary__of_a_running_one_shows_its_own_evidence_and_plan(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    with closing(sqlite3.connect(home / "evergreen.db")) as database:
        database.executescript((DATA / "home_0_1_0" / "evergreen.sql").read_text())
    plan = _give_a_plan(f"sqlite:///{home / 'evergreen.db'}")
    monkeypatch.setenv("EVERGREEN_HOME", str(home))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "mpl"))
    given = {"output": str(tmp_path / "pictures")}
    executed = run_notebook(NOTEBOOKS / "canary.ipynb", given, tmp_path / "canary.ipynb", timeout=250)
    page = executed.read_text()
    assert "After 10 sessions" in page
    assert plan.sentence in page


def _give_a_plan(url: str) -> PowerPlan:
    """What the running canary was planned to see, put into its record; 0.1.0 wrote the others."""
    engine = open_database(url)
    with reading(engine) as conn:
        rollout = rollouts.current(conn, "evergreen")
    plan = plan_power(*np.exp(np.random.default_rng(11).normal(0, 0.05, (2, 120))), simulations=200)
    written = Decision(
        at=rollout.updated_at, model="evergreen", kind="canary", as_of="2009-01-16", subject="3", summary="for the test"
    )
    rollouts.change(engine, rollout, written, evidence=replace(rollout.evidence, power=plan))
    engine.dispose()
    return plan


@pytest.mark.parametrize("notebook", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_research__is_committed_without_outputs_and_defines_nothing(notebook):
    cells = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    trees = [ast.parse(cell.source) for cell in cells]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    assert not {ast.FunctionDef, ast.ClassDef} & {type(node) for tree in trees for node in ast.walk(tree)}
    assert len(cells) <= 16
