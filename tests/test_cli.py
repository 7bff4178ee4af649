"""What a person types, and the one sentence they get back when it cannot be."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

WITHOUT_PRIVILEGE = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]  # root then meets the rights of files too


def run(*arguments: str, cwd: Path, before: Sequence[str] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, in an empty folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("EVERGREEN_", "PREFECT_"))}
    return subprocess.run(
        [*before, sys.executable, "-m", "evergreen", *arguments],
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def one_sentence(completed: subprocess.CompletedProcess[str]) -> str:
    """What was sentence on stderr, after a look that it is no stack trace."""
    assert completed.returncode != 0
    assert "Traceback" not in completed.stderr
    assert len(completed.stderr.strip().splitlines()) == 1
    return completed.stderr


@pytest.fixture
def bars() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "date": ["2008-06-30", "2008-07-01"],
            "ticker": "AAPL",
            "open": [170.0, 164.0],
            "high": [172.0, 175.0],
            "low": [166.0, 163.0],
            "close": [167.4, 174.7],
            "volume": [3.5e7, 5.6e7],
        }
    )


def test_validate__clean_file_exits_0(tmp_path: Path, bars: pd.DataFrame) -> None:
    bars.to_csv(tmp_path / "bars.csv", index=False)
    completed = run("validate", "bars.csv", cwd=tmp_path)
    assert (completed.returncode, completed.stdout.strip()) == (0, "0 findings in 2 bars of 1 ticker")


def test_init__a_locale_that_is_not_utf8_changes_no_name(tmp_path: Path) -> None:
    days = pd.bdate_range("2008-02-19", periods=20)
    rows = pd.DataFrame({"date": days, "open": 1.5, "high": 2.0, "low": 1.0, "close": 1.5, "volume": 5})
    (tmp_path / "Grüße").mkdir()
    rows.to_csv(tmp_path / "Grüße" / "A.csv", index=False)
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    written = run("init", "Grüße", "--yes", cwd=tmp_path, **locale)
    assert written.returncode == 0, written.stderr
    assert 'Grüße"' in (tmp_path / "evergreen.toml").read_text(encoding="utf-8")
    places = run("doctor", cwd=tmp_path, **locale).stdout
    assert re.search(r"ok +choices +XNYS .*Grüße", places), places


def test_validate__broken_bar_exits_1_and_is_named(tmp_path: Path, bars: pd.DataFrame) -> None:
    bars.loc[1, "high"] = 100.0
    bars.to_csv(tmp_path / "bars.csv", index=False)
    completed = run("validate", "bars.csv", "--json", cwd=tmp_path)
    assert completed.returncode == 1
    content = json.loads(completed.stdout)
    assert (content["bars"], content["tickers"]) == (2, 1)
    assert "high_not_highest" in {finding["rule"] for finding in content["findings"]}
    assert content["findings"][0]["session"].startswith("2008-07-01")


def test_validate__error_page_in_a_csv_exits_2(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("<html><body>429 Too Many Requests</body></html>")
    completed = run("validate", "bars.csv", cwd=tmp_path)
    assert completed.returncode == 2
    assert "bars.csv" in one_sentence(completed)


def test_validate__folder_without_bars_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in one_sentence(run("validate", "empty", cwd=tmp_path))


def test_up__port_in_use_leaves_nothing_running(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        sentence = one_sentence(run("up", "--prefect-port", port, cwd=tmp_path))
    assert port in sentence and "in use" in sentence
    assert not (tmp_path / ".evergreen" / "stack.json").exists()


def test_demo__a_look_at_none_says_how_to_make_one(tmp_path: Path) -> None:
    assert "evergreen demo" in one_sentence(run("demo", "--look", cwd=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_demo__home_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    assert "cannot be made" in one_sentence(run("demo", "--home", "taken", cwd=tmp_path))


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="nothing is forbidden to root")
@pytest.mark.parametrize("command", ["demo", "up"])
def test_stack__folder_without_write_permission_is_left_alone(tmp_path: Path, command: str) -> None:
    tmp_path.chmod(0o500)
    before = WITHOUT_PRIVILEGE if os.geteuid() == 0 else []
    assert "cannot be made: Permission denied" in one_sentence(run(command, cwd=tmp_path, before=before))
    assert not list(tmp_path.iterdir())


def test_setting__unknown_name_is_refused(tmp_path: Path) -> None:
    sentence = one_sentence(run("status", cwd=tmp_path, EVERGREEN_HOMME="x"))
    assert "homme" in sentence and "known" in sentence


def test_retrain__without_a_server_says_what_to_type(tmp_path: Path) -> None:
    assert "evergreen up" in one_sentence(run("retrain", "--reason", "try", cwd=tmp_path))


def test_status__before_anything_ran(tmp_path: Path) -> None:
    completed = run("status", cwd=tmp_path)
    assert completed.returncode == 0
    assert "evergreen up" in completed.stdout


def test_data_log__before_anything_ran_says_what_to_type(tmp_path: Path) -> None:
    assert run("data", "log", cwd=tmp_path).stdout == "no data version yet: type `evergreen backfill`\n"


def test_version__is_that_of_the_package(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).stdout == f"evergreen {version('evergreen-market')}\n"


@pytest.mark.parametrize(
    ("command", "content"),
    [
        (("status",), {"champion": None, "processes": [], "session": None}),
        (("canary", "status"), None),
        (("quarantine", "list"), []),
        (("data", "log"), []),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_json__is_one_object_even_before_anything_ran(tmp_path: Path, command: tuple[str, ...], content: Any) -> None:
    completed = run(*command, "--json", cwd=tmp_path)
    answer = json.loads(completed.stdout)
    assert completed.returncode == 0
    assert (answer.items() >= content.items()) if isinstance(content, dict) else (answer == content)


def test_logs__of_a_part_are_its_last_lines(tmp_path: Path) -> None:
    assert "evergreen up" in one_sentence(run("logs", cwd=tmp_path))
    logs = tmp_path / ".evergreen" / "logs"
    logs.mkdir(parents=True)
    (logs / "worker.log").write_text("one\ntwo\nthree\n")
    (logs / "service.log").write_text("ready\n")
    assert run("logs", "worker", "--last", "2", cwd=tmp_path).stdout.split() == ["worker", "two", "worker", "three"]
    assert run("logs", cwd=tmp_path).stdout.startswith("service    ready\n")
    assert "service, worker" in one_sentence(run("logs", "prefect", cwd=tmp_path))


def test_doctor__names_what_does_not_answer_and_what_to_type(tmp_path: Path) -> None:
    completed = run("doctor", cwd=tmp_path, EVERGREEN_MLFLOW_URI="http://127.0.0.1:9")
    lines = {line.split()[1]: line for line in completed.stdout.splitlines()}
    assert (completed.returncode, completed.stderr) == (1, "")
    assert lines["home"].startswith("ok") and lines["database"].startswith("ok")
    assert lines["mlflow"].startswith("WRONG") and "evergreen up" in lines["mlflow"]
    assert lines["prefect"].startswith("WRONG") and "PREFECT_API_URL" in lines["prefect"]


def test_doctor__json_has_the_same_places(tmp_path: Path) -> None:
    completed = run("doctor", "--json", cwd=tmp_path)
    checks = {check["name"]: check["sound"] for check in json.loads(completed.stdout)}
    assert completed.returncode == 1
    assert checks["home"] and not checks["prefect"]


def test_help__imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from evergreen.cli import app; "
        "heavy = {'pandas', 'prefect', 'mlflow', 'feast', 'lightgbm', 'great_expectations', 'whylogs', 'dvc'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert completed.stdout.strip() == "[]"


def find_python(folder: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    """What the script that looks for an interpreter says where only these programs are: shell scripts by name."""
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    script = Path(__file__).parents[1] / ".ci" / "find-python"
    return subprocess.run(["/bin/sh", script], env={"PATH": str(folder)}, capture_output=True, text=True, check=False)


TOO_NEW = "case $1 in --version) echo Python 3.15.1;; *) exit 1;; esac"


def test_find_python__names_the_versions_it_needs(tmp_path: Path) -> None:
    completed = find_python(tmp_path, python3=TOO_NEW)
    assert completed.returncode == 1
    assert completed.stderr.startswith("Evergreen needs Python 3.11 to 3.14 (found: Python 3.15.1)")


def test_find_python__has_uv_fetch_one_where_none_fits_and_says_so_where_that_fails(tmp_path: Path) -> None:
    fetched = find_python(tmp_path, python3=TOO_NEW, uv='[ "$2" = install ] || echo /fetched/python3.12')
    assert (fetched.returncode, fetched.stdout) == (0, "/fetched/python3.12\n")
    unreachable = find_python(tmp_path, python3=TOO_NEW, uv="exit 2")
    assert unreachable.returncode == 1 and "or uv, or name it" in unreachable.stderr


def test_predictions_export__says_when_there_is_nothing_and_forgets_only_by_date(tmp_path: Path) -> None:
    completed = run("predictions", "export", "out", cwd=tmp_path)
    assert completed.returncode == 0 and completed.stdout == "there are no such predictions\n"
    assert "--before DATE" in one_sentence(run("predictions", "export", "out", "--forget", cwd=tmp_path))


def test_audit__prints_the_head_and_refuses_one_that_is_not_in_the_log(tmp_path: Path) -> None:
    empty = run("audit", cwd=tmp_path)
    assert empty.returncode == 0
    assert f"head {'0' * 64}" in empty.stdout
    assert run("audit", "--head", "0" * 64, cwd=tmp_path).returncode == 0
    strange = "ab" * 32
    assert f"Neither log has a record with the hash {strange}: some were removed" in one_sentence(
        run("audit", "--head", strange, cwd=tmp_path)
    )
    assert "'abc' is no head of a log" in one_sentence(run("audit", "--head", "abc", cwd=tmp_path))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--policy", "boldest", "--from", "2004-06-21"), "boldest"),
        (("--policy", "never", "--from", "2004-06-21", "--break", "gone@2004-06-21"), "cannot be read"),
        (("--policy", "never", "--from", "2001-06-21"), "labelled sessions leave"),
    ],
)
def test_replay__what_cannot_be_walked_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    bars = "simulated:tickers=2,seed=7,years=4.6"
    completed = run("replay", bars, *arguments, "--to", "2004-07-02", "--out", "out", cwd=tmp_path)
    assert sentence in one_sentence(completed)


def test_init__writes_the_market_found_in_the_files_once(tmp_path: Path, bars: pd.DataFrame) -> None:
    (tmp_path / "bars").mkdir()
    bars.to_csv(tmp_path / "bars" / "AAPL.csv", index=False)
    completed = run("init", "bars", "--calendar", "XNYS", "--yes", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert "2 of 1 ticker, 2008-06-30 to 2008-07-01" in completed.stdout and "`evergreen backfill`" in completed.stdout
    assert 'source = "files:bars"' in (tmp_path / "evergreen.toml").read_text()
    assert "--force" in one_sentence_of_last_line(run("init", "bars", "--calendar", "XNYS", "--yes", cwd=tmp_path))


def test_init__without_a_folder_or_a_person_to_ask_says_what_to_type(tmp_path: Path) -> None:
    assert "evergreen init FOLDER" in one_sentence(run("init", cwd=tmp_path))


def one_sentence_of_last_line(completed: subprocess.CompletedProcess[str]) -> str:
    """The last line on stderr of a command that failed; the lines before it say what it was doing."""
    assert completed.returncode != 0 and "Traceback" not in completed.stderr
    return completed.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("typed", [(), ("abc", "--model", "mine.onnx")])
def test_challenge__is_of_a_run_or_of_a_file(tmp_path: Path, typed: tuple[str, ...]) -> None:
    completed = run("challenge", *typed, cwd=tmp_path)
    assert "a challenge is one run or one file" in one_sentence(completed) and completed.returncode == 2


def test_challenge__a_file_that_is_not_there_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    completed = run("challenge", "--model", "mine.onnx", "--trained-through", "2016-12-30", cwd=tmp_path)
    assert "mine.onnx cannot be read" in one_sentence(completed)
