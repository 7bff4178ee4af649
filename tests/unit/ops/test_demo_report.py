from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evergreen.errors import Unavailable
from evergreen.ops.demo import PARTS, DemoWalk, run_demo
from evergreen.ops.demo_report import in_plain_words, tell
from evergreen.ops.local_stack import Ports
from evergreen.settings import Settings

ACCOUNT: dict[str, Any] = {
    "sessions": {"count": 110, "first": "2008-09-02", "last": "2009-02-06"},
    "bars": 7869,
    "refused": 1,
    "drift_events": [{"as_of": "2008-10-31", "summary": "Drift over two windows in a row (family p 0.005)."}],
    "retrains": [{"as_of": "2008-10-31", "cause": "covariate_shift", "verdict": "", "state": "done"}] * 2,
    "gate": [],
    "canary": [],
    "champion": {"version": "2", "kind": "lightgbm", "trained_as_of": "2008-08-29"},
    "predictions": 8800,
    "skill": [],
}


def test_plain_words__tell_the_account_without_statistics() -> None:
    told_lines = " ".join(in_plain_words(ACCOUNT))
    assert "110 trading days" in told_lines and "once" in told_lines and "Version 2 answers everybody" in told_lines
    assert "drift" not in told_lines and " p " not in told_lines


def test_plain_words__a_challenger_broken_on_purpose_is_told_and_no_training_by_hand_counts_as_the_loops() -> None:
    by_hand = {"as_of": "2009-02-06", "cause": "by hand: to see a challenger fail", "verdict": "", "state": "done"}
    steps = [{"version": "4", "kind": kind, "as_of": "", "stage": None} for kind in ("canary_start", "mismatch")]
    account = ACCOUNT | {"retrains": [*ACCOUNT["retrains"], by_hand], "canary": steps}
    told_lines = " ".join(in_plain_words(account))
    assert "anybody's help: 2" in told_lines and "Version 4 was given wrong numbers on purpose" in told_lines
    assert "before it answered anybody" in told_lines
    steps.insert(1, {"version": "4", "kind": "canary", "as_of": "", "stage": "canary_5"})
    assert "after it had answered some" in " ".join(in_plain_words(account))


def test_run_demo__names_its_parts_before_they_start_and_says_why_none_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(settings: Settings, ports: Ports, say: Callable[[str], None]) -> dict[str, str]:
        say("prefect  http://127.0.0.1:1 runs the flows")
        raise Unavailable("mlflow did not start.", "See its log.")

    monkeypatch.setattr("evergreen.ops.local_stack.start", start)
    console = Console(file=StringIO(), width=200)
    with pytest.raises(Unavailable, match="mlflow did not start"):
        run_demo(tmp_path, tmp_path / "demo.json", DemoWalk(), console)
    printed = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert printed == [PARTS, "  prefect  http://127.0.0.1:1 runs the flows"]


def test_walk__says_which_stocks_which_days_and_who_asks() -> None:
    assert DemoWalk().sentence == (
        "The flow `replay` walks AAPL, IBM, MSFT, GOOG from 2008-09-02 to 2009-02-06; "
        "20 clients ask the service for prices after each session."
    )


def test_tell__plain_words_come_first_and_how_to_look_last(tmp_path: Path) -> None:
    console = Console(file=StringIO(), width=200)
    tell(ACCOUNT, tmp_path / "demo.json", tmp_path, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed.index("110 trading days") < printed.index("family p 0.005") < printed.index("demo --look")
