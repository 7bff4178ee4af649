"""Every command that the documents show is typed in a home that has lived; what starts servers, walks for minutes or
takes something away is named with the test that does it."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prefect.settings import PREFECT_API_URL
from typer.main import get_command

from evergreen.adapters.database import ledger, reading, requests
from evergreen.cli import app, main
from evergreen.core.market import simulate
from evergreen.core.quality import Finding
from evergreen.market_data import quarantine
from evergreen.workspace import REPOSITORY, Workspace
from tests.conftest import enter
from tests.flows.conftest import run_of
from tests.flows.test_reproduction import served
from tests.test_documents_commands import PAGES, commands

pytestmark = pytest.mark.xdist_group("lived")
BARS = simulate(2, 300, seed=2)
AHEAD = """
def honest(bars):
    return bars.groupby("ticker")["close"].pct_change()


def ahead(bars):
    return bars.groupby("ticker")["close"].shift(-2) / bars["close"]
"""


class Typed(NamedTuple):
    """What is typed for a documented command, how it ends, and what it then says; braces name what the home has."""

    words: str
    code: int = 0
    says: str = ""


NAMED = "init bars --calendar XNYS --currency EUR"  # one that does not fit has every exchange looked at, 15 s
RUN = {
    "audit": Typed("audit", says="the prediction log is whole"),
    "audit --head HASH": Typed("audit --head {head}", says="is whole"),
    "audit-model MODULE:FUNCTION --bars FILE": Typed(
        "audit-model mine:honest --bars bars.csv", says="no look-ahead in"
    ),
    "audit-model mine:ahead --bars bars.csv": Typed("audit-model mine:ahead --bars bars.csv", 1, "it looks ahead"),
    "backfill": Typed("backfill", says="is asked for"),
    "backup /backups/2008-11-04": Typed("backup backups/2008-11-04", says="backups/2008-11-04"),
    "backup FOLDER": Typed("backup kept", says="kept"),
    "canary approve": Typed("canary approve --reason 'a test'", 1, "There is no canary"),
    "canary promote": Typed("canary promote --reason 'a test'", says="is asked for"),
    "canary rollback": Typed("canary rollback --previous --reason 'a test'", says="is asked for"),
    "canary status --json": Typed("canary status --json", says="null"),
    "canary step": Typed("canary step --dry-run", says="is asked for"),
    "challenge RUN_ID": Typed("challenge {run}", says="is asked for"),
    "daily": Typed("daily", says="is asked for"),
    "data as-of": Typed("data as-of {version} --out then.parquet"),
    "data checkout": Typed("data checkout {version} then"),
    "data diff": Typed("data diff {version}", says="0 bars restated"),
    "data log": Typed("data log", says="{version}"),
    "data owed": Typed("data owed"),
    "data owed --json": Typed("data owed --json", says="[]"),
    "data write-off SESSION --reason ...": Typed("data write-off 2008-07-08 --reason 'a holiday'", 1, "2008-07-08"),
    "doctor": Typed("doctor", 1, "prefect worker start"),
    "doctor --json": Typed("doctor --json", 1, '"sound": true'),
    "down": Typed("down", says="nothing was running"),
    "explain ID": Typed("explain {prediction}", says="data version"),
    "explain ID --json": Typed("explain {prediction} --json", says="target session"),
    "init": Typed("init", 2, "evergreen init FOLDER"),
    "init FOLDER": Typed("init bars --yes", says="evergreen backfill"),
    "init FOLDER --calendar XTKS --currency JPY": Typed(NAMED, says="XNYS in EUR"),
    "init bars --yes": Typed("init bars --yes", says="evergreen backfill"),
    "init path/to/folder": Typed("init bars", says="evergreen.toml"),
    "key": Typed("key list"),
    "key add NAME": Typed("key add mine", says="mine"),
    "key remove": Typed("key remove nobody", 1, "evergreen key list"),
    "logs": Typed("logs", 1, "evergreen up"),
    "migrate REVISION": Typed("migrate head"),
    "predictions export FOLDER --before DATE --forget": Typed("predictions export out --before 2008-07-01 --forget"),
    "quarantine list": Typed("quarantine list", says="high_not_highest"),
    "quarantine list --json": Typed("quarantine list --json", says="{case}"),
    "quarantine show CASE": Typed("quarantine show {case}", says="refused"),
    "reconcile": Typed("reconcile", says="is asked for"),
    "reproduce": Typed("reproduce {prediction}", says="reproduced to the bit"),
    "reproduce ID": Typed("reproduce {prediction}", says="reproduced to the bit"),
    "requests list": Typed("requests list", says="0 open"),
    "requests list --all --json": Typed("requests list --all --json", says="{request}"),
    "requests show": Typed("requests show {request}", says="bootstrap"),
    "retrain --reason ...": Typed("retrain --reason 'a test'", says="is asked for"),
    "retrain --reason a try --learner ridge": Typed("retrain --reason 'a try' --learner ridge", says="is asked for"),
    "retrain --reason a week ahead --horizon 5": Typed(
        "retrain --reason 'a week ahead' --horizon 5", 2, "a model of return over 5 sessions cannot be compared"
    ),
    "retrain --target": Typed("retrain --reason 'a test' --target volatility", 2, "a home of its own"),
    "run": Typed("run reconcile --key once", says="is scheduled"),
    "run DEPLOYMENT --key KEY --wait --json": Typed("run reconcile --key once --json", says='"state": "SCHEDULED"'),
    "run DEPLOYMENT --param NAME=VALUE --key KEY --wait --json": Typed(
        "run retrain --param reason=test --key another --json", says='"state": "SCHEDULED"'
    ),
    "status": Typed("status", says="champion   version 2"),
    "status --json": Typed("status --json", says='"champion": "2"'),
    "validate": Typed("validate bars", says="0 findings in 600 bars of 2 tickers"),
    "validate FOLDER --json": Typed("validate bars --json", says='"bars": 600'),
    "validate PATH...": Typed("validate bars/S0.csv bars/S1.csv", says="0 findings in 600 bars of 2 tickers"),
    "validate bars": Typed("validate bars", says="0 findings in 600 bars of 2 tickers"),
}
ELSEWHERE = {  # where it is done for real, since here it would start servers, wait for one, take minutes or take away
    "challenge --forecasts": "tests/flows/test_delivered.py",
    "challenge --model": "tests/flows/test_onnx.py",
    "compare": "tests/unit/audit/test_code_change.py",
    "demo": "tests/flows/test_stack.py",
    "demo --look": "tests/flows/test_demo_pages.py",
    "deploy": "tests/contracts/test_deployments.py",
    "mcp": "tests/test_mcp.py",
    "quarantine discard": "tests/unit/market_data/test_quarantine.py",
    "quarantine release": "tests/unit/market_data/test_quarantine.py",
    "quarantine repair": "tests/unit/market_data/test_quarantine.py",
    "rehearse": "tests/unit/audit/test_code_change.py",
    "replay": "tests/test_documented_replays.py",
    "requests drop": "tests/unit/ops/test_requests.py",
    "restore": "tests/flows/test_backup.py",
    "serve": "tests/service/test_serve.py",
    "up": "tests/flows/test_stack.py",
}


@pytest.fixture(scope="module")
def had(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A copy of the home with a served prediction, a held bar and deployments on the server; what each is called."""
    home = tmp_path_factory.mktemp("documented") / "home"
    shutil.copytree(lived, home)
    with pytest.MonkeyPatch.context() as patch:
        at = enter(home, patch)
        patch.setenv("PREFECT_API_URL", PREFECT_API_URL.value())
        deploy()
        with reading(at.engine) as conn:
            version, (request, *_) = ledger.data_versions(conn)[0].id, requests.recent(conn, at.settings.model_name)
        yield {
            "home": str(home),
            "prediction": served(at).id,
            "case": hold_a_bar(at),
            "version": version,
            "request": request.id,
            "run": run_of(at, "2"),
        }


def deploy() -> None:
    """The deployments that commands ask for; no worker takes their runs."""
    from flows.backfill import backfill
    from flows.canary import canary
    from flows.daily import daily
    from flows.reconcile import reconcile
    from flows.retrain import retrain
    from flows.rollback import rollback

    for flow in (backfill, canary, daily, reconcile, retrain, rollback):
        flow.to_deployment(name=flow.name).apply()


def hold_a_bar(at: Workspace) -> str:
    """A case of quarantine with the last bar of IBM, its high below its close."""
    known = at.bars.as_of(tickers=["IBM"]).tail(1)
    bar = known.drop(columns=["source", "known_at"]).assign(high=1.0, known_at_assumed=False)
    session = bar["session"].iloc[0]
    finding = Finding("high_not_highest", "quarantine", "IBM", session, "high", 1.0, "IBM: high 1 is no high")
    return quarantine.hold(at, bar, [finding], known, "sample", session, datetime(2008, 7, 8, tzinfo=UTC))[0]


@pytest.fixture
def desk(had: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader types: a folder with bars, a table of them and functions that may look ahead."""
    monkeypatch.setenv("EVERGREEN_HOME", had["home"])
    monkeypatch.setenv("EVERGREEN_CLOCK", "replay")
    (tmp_path / "bars").mkdir()
    for ticker, rows in BARS.groupby("ticker"):
        rows.to_csv(tmp_path / "bars" / f"{ticker}.csv", index=False)
    BARS[["ticker", "session", "close"]].to_csv(tmp_path / "bars.csv", index=False)
    (tmp_path / "mine.py").write_text(AHEAD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def type_in(words: str, patch: pytest.MonkeyPatch, capsys: Any) -> tuple[int, str]:
    """The exit code and all that is said; an exception that is not meant for a person goes on."""
    patch.setattr(sys, "argv", ["evergreen", *shlex.split(words)])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    return int(code or 0), "".join(capsys.readouterr())


@pytest.mark.parametrize("shown", RUN)
def test_documented_command__does_what_the_page_says(
    shown: str, had: dict[str, str], desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words, code, says = RUN[shown]
    if "{head}" in words:
        had["head"] = re.findall(r"head (\w+)", type_in("audit", monkeypatch, capsys)[1])[0]
    ended, text = type_in(words.format_map(had), monkeypatch, capsys)
    assert ended == code, text
    expected = says.format_map(had)
    assert expected in text and "Traceback" not in text


def named(words: str) -> bool:
    """Whether a command is run here, or is one of those that others run."""
    return words in RUN or any(words == other or words.startswith(f"{other} ") for other in ELSEWHERE)


def test_pages__show_no_command_that_no_test_runs() -> None:
    shown = {" ".join(words) for page in PAGES for words in commands(page)}
    assert sorted(words for words in shown if not named(words)) == []
    assert [path for path in ELSEWHERE.values() if not (REPOSITORY / path).exists()] == []


def paths(command: Any, above: str = "") -> Iterator[str]:
    """Each command of the command line, by the names that lead to it."""
    for name, below in command.commands.items():
        yield from paths(below, f"{above}{name} ") if hasattr(below, "commands") else [above + name]


def test_command_line__has_no_command_that_no_test_runs() -> None:
    run = [f"{typed.words} " for typed in RUN.values()] + [f"{other} " for other in ELSEWHERE]
    assert [path for path in paths(get_command(app)) if not any(words.startswith(f"{path} ") for words in run)] == []
