"""The factor of docs/how-to.md runs as pasted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to.md"
SHOW = """
from evergreen.core.dataset.look_ahead_audit import Audit

order = list(training.importance.index)
verdict = Audit.from_dict(rows.attrs["look_ahead_audit"])
print(f"{len(order)} features; MOM20 is number {order.index('MOM20') + 1}")
print(verdict.sentence)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)  # it trains with the defaults
def test_how_to__the_factor_runs_as_pasted_and_gives_what_it_says(tmp_path: Path) -> None:
    section = HOW_TO.read_text().partition("## Declare a factor")[2]
    (pasted,) = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    (tmp_path / "pasted.py").write_text(pasted + SHOW)
    places = {"EVERGREEN_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "pasted.py"],
        cwd=tmp_path,
        env=places,
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    features, verdict = ran.stdout.strip().splitlines()[-2:]
    assert f"`{features}`" in section and f"`{verdict}`" in section
