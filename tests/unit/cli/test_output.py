"""What is printed keeps to its line, on whatever terminal, and a disk that is full is one sentence."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from evergreen.cli import app, main
from evergreen.cli.output import say, tell

REASON = "first\nsecond\r\x1b[2J\u2028\u202eGrüße 漢字"


def written(encoding: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What the command `echo` of this test writes to a terminal of that encoding."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "argv", ["evergreen", "echo"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    out.seek(0)
    yield from out


@pytest.fixture(autouse=True)
def echo() -> Iterator[None]:
    """A command that prints what a person gave as a reason."""
    app.command("echo")(lambda: say([REASON]))
    yield
    app.registered_commands.pop()


def test_say__text_of_a_person_stays_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = r"first\nsecond\r\x1b[2J\u2028\u202e"
    assert [*written("utf-8", monkeypatch)] == [f"{shown}Grüße 漢字\n"]
    assert [*written("ascii", monkeypatch)] == [shown + r"Gr\xfc\xdfe \u6f22\u5b57" + "\n"]


def test_tell__json_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    tell([], {"reason": "a\nb"}, as_json=True)
    assert capsys.readouterr().out == '{\n  "reason": "a\\nb"\n}\n'


def test_main__a_disk_that_is_full_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["evergreen", "echo"])
    with suppress(OSError), Path("/dev/full").open("w") as full:  # when closed, it is tried once more
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            main()
    monkeypatch.undo()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "evergreen: No space left on device.\n"
