"""What is mistyped, or lies in the way, is one sentence: no stack trace, and nothing passed over."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from evergreen.cli import main

REPLAY = "replay sample --from 2008-01-02 --to 2008-01-10 --out walked --policy never"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "logs" / "folder.log").mkdir(parents=True)
    (tmp_path / "home" / "logs" / "worker.log").write_text("one\ntwo\n")
    (tmp_path / "a_file").write_text("x")
    (tmp_path / "leaves.py").write_text("import sys\n\n\ndef quit(bars):\n    sys.exit(0)\n")
    (tmp_path / "leaves_at_once.py").write_text("import sys\n\nsys.exit(0)\n")
    days = [f"2020-01-{day:02d}" for day in range(1, 29)]
    bars = "\n".join(["date,ticker,open,high,low,close,volume", *(f"{day},A,1,2,1,2,5" for day in days)])
    (tmp_path / "bars.csv").write_text(bars + "\n")
    return tmp_path


def typed(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and the answer, in one line without the frames of a terminal."""
    monkeypatch.setattr(sys, "argv", ["evergreen", *words.split(" ")])
    with pytest.raises(SystemExit) as ended:
        main()
    answer = capsys.readouterr()
    return int(ended.value.code or 0), re.sub(r"[\s│]+", " ", answer.out + answer.err)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("data log --limit 0", "should be greater than or equal to 1"),
        ("data log --limit 99999999999999999999", "should be less than or equal to 1000000"),
        ("quarantine list --all --limit 99999999999999999999", "should be less than or equal to 1000000"),
        ("requests list --limit -1", "should be greater than or equal to 1"),
        ("key add x --days 99999999", "should be less than or equal to 36500"),
        ("logs --last -1", "should be greater than or equal to 0"),
        ("audit --head zzz", "'zzz' is no head of a log"),
        ("rehearse a_file", "cannot be made"),
        ("rehearse a_file/below", "cannot be made"),
        (
            "data as-of 2020-01-01 --out a_file/b.parquet",
            "a_file/b.parquet cannot be written",
        ),
        ("audit-model leaves:quit --bars bars.csv", "the function fails on 28 bars"),
        ("audit-model leaves_at_once:quit --bars bars.csv", "leaves_at_once cannot be imported: SystemExit"),
        ("init . --currency U$D --yes", "'U$D' is no currency"),
        ("logs nobody", "There is no log of 'nobody'"),
        ("restore .", "is no backup"),
        (f"{REPLAY} --learner nobody", "no learner 'nobody' is registered"),
        (f"{REPLAY} --target profit", "no target 'profit' is registered"),
        (f"{REPLAY} --policy nobody", "there is no policy 'nobody'"),
    ],
)
def test_evergreen__what_is_mistyped_is_said(
    words: str, problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = typed(words, monkeypatch, capsys)
    assert code == 2 and problem in answer and "Traceback" not in answer, answer


def test_logs__a_folder_among_them_is_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("logs --last 1", monkeypatch, capsys) == (0, "worker two ")


@pytest.mark.parametrize(
    ("place", "check"), [("data", "home"), ("features/online.db", "online"), ("mlflow.db", "mlflow")]
)
def test_doctor__what_is_no_database_is_said(
    place: str, check: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "home" / place).parent.mkdir(exist_ok=True)
    (here / "home" / place).write_text("garbage, and more of it than a header has: " + "x" * 200)
    code, answer = typed("doctor", monkeypatch, capsys)
    assert code == 1 and re.search(rf"WRONG {check} .*{place}.* Restore it from a backup", answer), answer


def test_doctor_and_status__bars_without_a_record_of_them_are_a_lost_database(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part = here / "home" / "data" / "bars" / "2008" / "part.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"PAR1")
    lost = r"has no record of the bars in .*restore"
    code, answer = typed("doctor", monkeypatch, capsys)
    assert code == 1 and re.search(rf"WRONG database .* {lost}", answer), answer
    code, answer = typed("status", monkeypatch, capsys)
    assert code == 0 and re.search(lost, answer) and "no data yet" not in answer, answer
