"""What a person waits for at the prompt imports nothing that takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"pandas", "scipy.stats", "mlflow", "feast", "lightgbm", "great_expectations", "whylogs", "pyarrow"}
COMMANDS = {
    "help": (["--help"], HEAVY | {"numpy", "sqlalchemy", "pydantic", "httpx"}),
    "status": (["status"], HEAVY | {"httpx"}),
    "explain": (["explain", "no-such-prediction"], HEAVY | {"httpx"}),
}
RUN = """
import json, sys
from evergreen.cli import main
sys.argv = ["evergreen", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_command__imports_nothing_heavy(command: str, tmp_path: Path) -> None:
    arguments, forbidden = COMMANDS[command]
    nowhere = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    ran = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], cwd=tmp_path, env=nowhere, capture_output=True, text=True, check=True
    )
    assert forbidden.isdisjoint(json.loads(ran.stdout.splitlines()[-1]))


def test_canary_record__is_read_without_pandas_or_statistics() -> None:
    """`evergreen status` reads it while a canary runs."""
    program = "import json, sys; from evergreen.core.canary import CanaryRecord; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(json.loads(ran.stdout))
