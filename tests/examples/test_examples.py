"""Each example run for real, in an environment of its own, against a stack on this machine: `make test-examples`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.adapters.infra.processes import Stack
from evergreen.ops import local_stack
from evergreen.ops.local_stack import Ports
from evergreen.settings import Settings
from evergreen.workspace import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
ENVIRONMENTS = REPOSITORY / ".evergreen" / "examples"
EVERGREEN = Path(sys.executable).with_name("evergreen")

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1300), pytest.mark.xdist_group("examples")]


def python_of(example: str) -> str:
    """The interpreter that `make test-examples` gave the example; skipped where it made none."""
    python = ENVIRONMENTS / example / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no environment for {example}: `make test-examples` makes one")
    return str(python)


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    if not ENVIRONMENTS.exists():
        pytest.skip("no environments: `make test-examples` makes them")
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    try:
        started = local_stack.start(settings, Ports(0, 0, 0), print)
        yield os.environ | started | {"EVERGREEN": str(EVERGREEN), "DEPLOYMENT": "reconcile"}
    finally:
        Stack(settings.home).stop()


def ran(command: list[str], cwd: Path, variables: dict[str, str], **more: str) -> str:
    completed = subprocess.run(
        command, cwd=cwd, env=variables | more, capture_output=True, text=True, check=False, timeout=900
    )
    assert completed.returncode == 0, completed.stdout[-3000:] + completed.stderr[-3000:]
    return completed.stdout + completed.stderr


def runs_of(variables: dict[str, str], flow: str) -> list[dict[str, str]]:
    """The runs of a flow, as the server tells of them."""
    return list(PrefectApi.at(variables)._ask("POST", "/flow_runs/filter", {"flows": {"name": {"any_": [flow]}}}))


def test_airflow__waits_deferred_and_a_second_try_finds_the_same_run(variables: dict[str, str], tmp_path: Path) -> None:
    python = python_of("airflow")
    folder = EXAMPLES / "airflow"
    airflow = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "PYTHONPATH": str(folder / "plugins"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    ran([python, "-m", "airflow", "db", "migrate"], tmp_path, variables, **airflow)
    log = ran([python, str(folder / "dags" / "evergreen_daily.py")], tmp_path, variables, **airflow)
    assert "Trigger completed" in log
    own = [run for run in runs_of(variables, "reconcile") if str(run["idempotency_key"]).startswith("manual__")]
    assert [run["state_type"] for run in own] == ["COMPLETED"]
    again = [str(EVERGREEN), "run", "reconcile", "--key", own[0]["idempotency_key"], "--json"]
    assert own[0]["id"] in ran(again, tmp_path, variables)


def test_luigi__output_is_the_data_version(variables: dict[str, str], tmp_path: Path) -> None:
    parameters = json.dumps({"source": "simulated:tickers=3,seed=7,years=1", "as_of": "2000-06-30"})
    chosen = ["--session", "2000-06-30", "--deployment", "backfill", "--parameters", parameters]
    program = str(EXAMPLES / "luigi" / "data_version.py")
    ran([python_of("luigi"), program, "DataVersion", *chosen, "--local-scheduler"], tmp_path, variables)
    version = json.loads((tmp_path / "data-versions" / "2000-06-30.json").read_text())
    assert re.fullmatch(r"[0-9a-f]{12}", version["id"]) and version["rows_added"] > 0


def test_kubeflow__compiles_and_runs_locally_to_a_verdict(variables: dict[str, str], tmp_path: Path) -> None:
    python, program = python_of("kubeflow"), str(EXAMPLES / "kubeflow" / "retrain_pipeline.py")
    ran([python, program], tmp_path, variables)
    compiled = yaml.safe_load((tmp_path / "retrain_pipeline.yaml").read_text())
    assert set(compiled["components"]) == {"comp-run-to-the-end", "comp-verdict"}
    path = f"{Path(python).parent}:{os.environ['PATH']}"
    assert "verdict: " in ran([python, program, "--local"], tmp_path, variables, PATH=path)
