"""`evergreen demo --look` brings the pages of a demo back up, and Ctrl-C takes them down."""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from evergreen.adapters.infra.processes import Stack
from evergreen.ops.demo import demo_settings
from evergreen.workspace import Workspace

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_look__shows_status_page_and_mlflow_until_interrupted_again_and_again(tmp_path: Path) -> None:
    Workspace(demo_settings(tmp_path)).engine.connect().close()  # the records of a walk of no session
    command = [sys.executable, "-u", "-m", "evergreen", "demo", "--look", "--home", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as looking:
        assert looking.stdout is not None
        printed = list(itertools.takewhile(lambda line: line != "Ctrl-C stops them\n", looking.stdout))
        links = re.findall(r"http://\S+", "".join(line for line in printed if "browser" in line))
        assert [httpx.get(link).status_code for link in links] == [200, 200]
        members = Stack(tmp_path).alive()
        assert {member.name for member in members} == {"mlflow", "service"}
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            looking.send_signal(number)
            time.sleep(0.2)
        assert looking.wait(timeout=60) == 0
    assert not any(member.alive for member in members)
    assert Stack(tmp_path).members() == []
