"""Feast is imported in the quick way, whoever asks for it first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from evergreen.workspace import REPOSITORY

PROBE = """
import sys
from pathlib import Path
import typeguard

def recorded(*given, slow=typeguard.typechecked, **options):
    rewritten.append(given)
    return slow(*given, **options)

rewritten, typeguard.typechecked = [], recorded
from evergreen.adapters.feast import Features
assert Features(Path(sys.argv[1]), Path(sys.argv[2])).apply()
import feast
print(len(rewritten))
"""


def test_store__a_process_that_opens_it_first_has_no_function_of_feast_rewritten(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROBE, str(tmp_path), str(REPOSITORY / "feature_repo")]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "0"
