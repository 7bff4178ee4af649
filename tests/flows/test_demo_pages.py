"""`evergreen demo --look` brings the pages of a demo back up, and Ctrl-C takes them down."""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from evergreen.adapters.infra.processes import Stack
from evergreen.ops.demo import demo_settings
from evergreen.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_look__shows_status_page_and_mlflow_until_interrupted(tmp_path: Path) -> None:
    Workspace(demo_settings(tmp_path)).engine.connect().close()  # the records of a walk of no session
    command = [sys.executable, "-u", "-m", "evergreen", "demo", "--look", "--home", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as looking:
        assert looking.stdout is not None
        printed = list(itertools.takewhile(lambda line: line != "Ctrl-C stops them\n", looking.stdout))
        links = re.findall(r"http://\S+", "".join(line for line in printed if "browser" in line))
        assert [httpx.get(link).status_code for link in links] == [200, 200]
        assert {member.name for member in Stack(tmp_path).alive()} == {"mlflow", "service"}
        looking.send_signal(signal.SIGINT)
        assert looking.wait(timeout=60) == 0
    assert Stack(tmp_path).members() == []
