"""The example workflow asks for what the configuration beside it says."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import yaml

from evergreen.workspace import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "github"
RECORDER = '#!/bin/sh\nprintf "%s\\n" "$@" >> words.txt\necho "0 open"\n'


def test_retrain__each_choice_of_the_configuration_is_a_parameter(tmp_path: Path) -> None:
    workflow = yaml.safe_load((EXAMPLE / "retrain.yml").read_text())
    script = workflow["jobs"]["retrain"]["steps"][1]["run"]
    shutil.copy(EXAMPLE / "model.toml", tmp_path)
    recorder = tmp_path / "evergreen"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    given = {
        "DEPLOYMENT": "retrain",
        "REASON": "a push",
        "GITHUB_SHA": "abc",
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }
    subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=tmp_path, env=os.environ | given, check=True)
    words = (tmp_path / "words.txt").read_text().splitlines()
    assert words[:4] == ["run", "retrain", "--key", "abc"]
    assert {"--param=learner=ridge", "--param=horizon=1", "--param=seed=7", "--param=reason=a push"} <= set(words)
