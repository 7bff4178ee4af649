from __future__ import annotations

from pathlib import Path

import pytest

from evergreen.errors import BadSetting
from evergreen.settings import load_settings


def test_load_settings__an_address_with_an_account_in_it_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_MLFLOW_URI", "https://team:a-word@mlflow.example.org")
    with pytest.raises(BadSetting, match=r"'mlflow_uri': .*MLFLOW_TRACKING_USERNAME") as refused:
        load_settings(tmp_path / "none.toml")
    assert "a-word" not in str(refused.value)
    monkeypatch.setenv("EVERGREEN_MLFLOW_URI", "https://mlflow.example.org")
    assert load_settings(tmp_path / "none.toml").mlflow == "https://mlflow.example.org"


def test_load_settings__an_unknown_name_is_refused_with_the_known_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_DATABASE", "x")
    with pytest.raises(BadSetting, match=r"'database': .* known: home, .*database_url"):
        load_settings(tmp_path / "none.toml")
