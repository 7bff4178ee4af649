"""Dashboard and alert rules speak of metrics that the service really exports."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest

from evergreen.service.metrics import Metrics

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
NAME = re.compile(r"\bevergreen_[a-z_]+")


def exported() -> set[str]:
    """Every name a scrape can bring, those of series not yet begun included."""
    scrape = generate_latest(Metrics().registry).decode().splitlines()
    types = [line.split()[2:] for line in scrape if line.startswith("# TYPE")]
    suffixes = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + suffix for name, kind in types for suffix in suffixes.get(kind, ("",))}


def expressions() -> list[str]:
    dashboard = json.loads((FOLDER / "grafana.json").read_text())
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return shown + [rule["expr"] for rule in rules]


def test_observability__names_only_what_is_exported() -> None:
    named = {name for expression in expressions() for name in NAME.findall(expression)}
    assert named <= exported()
    assert len(named) >= 8


def test_observability__each_alert_says_what_to_do() -> None:
    for rule in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]:
        assert {"summary", "description"} <= rule["annotations"].keys(), rule["alert"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian's package prometheus) is not installed")
def test_alerts__promtool_accepts_them() -> None:
    completed = subprocess.run(
        ["promtool", "check", "rules", str(FOLDER / "alerts.yaml")], capture_output=True, text=True
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
