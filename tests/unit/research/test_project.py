from __future__ import annotations

from evergreen.research.project import run_folder, workspace_settings


def test_workspace_settings__are_those_of_the_project_above(tmp_path, monkeypatch):
    monkeypatch.delenv("EVERGREEN_HOME", raising=False)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "evergreen.toml").write_text('model_name = "mine"')
    settings = workspace_settings(tmp_path / "notebooks")
    assert settings.model_name == "mine"
    assert settings.home == tmp_path / ".evergreen"


def test_workspace_settings__an_absolute_home_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "elsewhere"))
    assert workspace_settings(tmp_path).home == tmp_path / "elsewhere"


def test_run_folder__is_the_given_one_or_a_new_one_each_time(tmp_path, monkeypatch):
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "home"))
    settings = workspace_settings(tmp_path)
    assert run_folder(settings, str(tmp_path / "given")) == tmp_path / "given"
    first, second = run_folder(settings, ""), run_folder(settings, "")
    assert first != second and first.parent == settings.runs
