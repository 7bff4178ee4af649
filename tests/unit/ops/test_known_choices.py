from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evergreen.cli import main
from evergreen.errors import EvergreenError
from evergreen.ops.doctor import examine
from evergreen.ops.known_choices import require_known_choices
from evergreen.settings import MarketSettings, Settings

UNKNOWN: list[tuple[dict[str, Any], str]] = [
    ({"target": "zzz"}, "no target 'zzz'"),
    ({"policy": "zzz"}, "no policy 'zzz'"),
    ({"policy": "oracle"}, "oracle"),
    ({"market": MarketSettings(calendar="ZZZZ")}, "no exchange calendar 'ZZZZ'"),
    ({"market": MarketSettings(source="zzz")}, "no source 'zzz'"),
    ({"database_url": "mysql://h/x"}, "database URL 'mysql://h/x'"),
    ({"database_url": "postgresql://u:secret@h:port/x"}, "database URL 'h:port/x'"),
    ({"feature_registry": "sqlite:///x"}, "feature_registry, 'sqlite:///x'"),
    ({"online_store": "zzz"}, "online_store, 'zzz'"),
    ({"online_store": "redis://h:port/0"}, "online_store, 'redis://h:port/0'"),
    ({"online_store": "postgresql://u:p%zz@h/x"}, "online_store, 'postgresql://u:\\*\\*\\*@h/x'"),
    ({"prefect_messages": "zzz"}, "prefect_messages, 'zzz'"),
    ({"prefect_database": "sqlite:///x"}, "prefect_database, 'sqlite:///x'"),
    ({"mlflow_database": "postgresql://[::1/x"}, "mlflow_database, 'postgresql://\\[::1/x'"),
]


@pytest.mark.parametrize(("changes", "problem"), UNKNOWN)
def test_require_known_choices__names_what_there_is_not(changes: dict[str, Any], problem: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, **changes)
    with pytest.raises(EvergreenError, match=problem) as refused:
        require_known_choices(settings)
    assert "secret" not in str(refused.value) and "p%zz" not in str(refused.value)
    choices = next(check for check in examine(settings) if check.name == "choices")
    assert not choices.sound and choices.sentence == str(refused.value)


def test_require_known_choices__says_what_was_chosen(tmp_path: Path) -> None:
    chosen = require_known_choices(Settings(home=tmp_path))
    assert chosen == "XNYS (America/New_York), bars from sample, target return, policy default"


def test_up__starts_nothing_on_a_choice_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVERGREEN_TARGET", "zzz")
    monkeypatch.setattr("sys.argv", ["evergreen", "up"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "no target 'zzz' is registered" in capsys.readouterr().err
    assert not (tmp_path / ".evergreen" / "stack").exists() and not (tmp_path / ".evergreen" / "logs").exists()
