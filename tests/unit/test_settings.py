from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from evergreen.errors import BadSetting
from evergreen.settings import MarketSettings, Settings, load_settings
from evergreen.settings.places import absolute_source
from evergreen.workspace import REPOSITORY


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


OUT_OF_RANGE = {
    "horizon": ["0", "-1", "1.5"],
    "rows_at_once": ["0", "-3", "many"],
    "training_threads": ["-1", "1.5"],
    "service_port": ["-1", "65536"],
    "requests_per_second": ["-1", "nan", "inf"],
    "max_feature_age": ["-1"],
    "lease_seconds": ["0", "-1", "nan"],
    "retrain_after": ["0"],
    "train_sessions": ["-5"],
    "model_expiry": ["0"],
    "rollback_window": ["-1"],
    "refresh_seconds": ["0", "inf"],
    "model_name": ["", "a/b", "it's", "../x", " "],
    "trace_collector": ["collector:4318", "ftp://collector"],
    "promotion_webhook": ["example.org", "http://"],
    "notify": ["desk", "slack-webhook/", "a/b/c"],
    "market_delivery_delay": ["-1"],
    "market_notice_after": ["-1"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, each) for name, several in OUT_OF_RANGE.items() for each in several]
)
def test_load_settings__a_value_out_of_range_is_refused_where_it_is_read(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"EVERGREEN_{name.upper()}", value)
    called = name.replace("market_", "market.")
    with pytest.raises(BadSetting, match=rf"setting '{called}': .* Mend EVERGREEN_{name.upper()}\.$"):
        load_settings(tmp_path / "none.toml")
    monkeypatch.delenv(f"EVERGREEN_{name.upper()}")
    table, _, own = called.rpartition(".")
    (tmp_path / "some.toml").write_text((f"[{table}]\n" if table else "") + f'{own} = "{value}"\n')
    with pytest.raises(BadSetting, match=rf"setting '{called}': .* Mend it in .*some\.toml\.$"):
        load_settings(tmp_path / "some.toml")


def test_settings__every_number_has_a_range() -> None:
    fields = {**Settings.model_fields, **MarketSettings.model_fields}
    numbers = {name for name, field in fields.items() if re.search(r"\b(int|float)\b", str(field.annotation))}
    assert numbers == {name for name in (each.removeprefix("market_") for each in OUT_OF_RANGE) if name in numbers}
    assert len(numbers) == 14


def test_team_toml__every_line_of_the_example_is_a_setting(tmp_path: Path) -> None:
    example = (REPOSITORY / "evergreen.team.toml").read_text()
    (tmp_path / "all.toml").write_text(re.sub(r"^# (?=\w+ = )", "", example, flags=re.MULTILINE))
    settings = load_settings(tmp_path / "all.toml")
    assert settings.server_auth and settings.trace_collector and settings.prefect_messages.startswith("redis://")


MARKET = """
[market]
calendar = "XBOM"
source = "files:bars"
tickers = ["INFY", "TCS"]
currency = "INR"
delivery_delay = 90
special_sessions = [2023-11-12T19:15:00, "2024-03-02"]
"""


def test_market__is_read_from_a_table_and_variables_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evergreen.toml").write_text(MARKET)
    market = load_settings(tmp_path / "evergreen.toml").market
    assert (market.calendar, market.currency, market.delay) == ("XBOM", "INR", timedelta(minutes=90))
    assert market.special_sessions == (datetime(2023, 11, 12, 19, 15), datetime(2024, 3, 2))
    monkeypatch.setenv("EVERGREEN_MARKET_TICKERS", "SBIN, LT")
    monkeypatch.setenv("EVERGREEN_MARKET_SPECIAL_SESSIONS", "2024-05-18,2024-11-01T19:00")
    changed = load_settings(tmp_path / "evergreen.toml").market
    assert changed.tickers == ("SBIN", "LT") and changed.source == f"files:{tmp_path}/bars"
    assert changed.special_sessions == (datetime(2024, 5, 18), datetime(2024, 11, 1, 19))


def test_load_settings__places_lie_beside_the_file_that_names_them_and_those_of_variables_where_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ['policies = "mine.toml"', 'dvc_remote = "../remote"', 'lineage = "events.jsonl"']
    lines += ['mlflow_artifacts = "s3://bucket/a"', 'mlflow_uri = "sqlite:///runs.db"']
    table = ["[market]", 'source = "sql:sqlite:///bars.db SELECT * FROM bars"', 'listings = "names.csv"']
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "evergreen.toml").write_text("\n".join(lines + table))
    monkeypatch.setenv("EVERGREEN_LINEAGE", "mine.jsonl")
    settings = load_settings(Path("team/evergreen.toml"))
    assert settings.policies == f"{tmp_path}/team/mine.toml" and settings.remote == f"{tmp_path}/remote"
    assert settings.lineage == f"{tmp_path}/mine.jsonl"
    assert (settings.mlflow_artifacts, settings.mlflow) == ("s3://bucket/a", f"sqlite:///{tmp_path}/team/runs.db")
    assert settings.market.source == f"sql:sqlite:///{tmp_path}/team/bars.db SELECT * FROM bars"
    assert settings.market.listings == f"{tmp_path}/team/names.csv"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("files:bars", "files:/here/bars"),
        ("sessions:./in/../daily", "sessions:/here/daily"),
        ("csv:vendor/*.csv", "csv:/here/vendor/*.csv"),
        ("parquet:s3://bucket/bars/*.parquet", "parquet:s3://bucket/bars/*.parquet"),
        ("files:/from/the/root", "files:/from/the/root"),
        ("sql:sqlite:////root.db SELECT 1", "sql:sqlite:////root.db SELECT 1"),
        ("sql:postgresql://host/bars SELECT 1", "sql:postgresql://host/bars SELECT 1"),
        ("simulated:tickers=4", "simulated:tickers=4"),
        ("sample", "sample"),
    ],
)
def test_absolute_source__files_are_named_from_the_root(given: str, meant: str) -> None:
    assert absolute_source(given, Path("/here")) == meant


def test_market__reads_what_the_version_before_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evergreen.toml").write_text('calendar = "XLON"\n')
    assert load_settings(tmp_path / "evergreen.toml").market.calendar == "XLON"
    monkeypatch.setenv("EVERGREEN_CALENDAR", "XTKS")
    assert load_settings(tmp_path / "evergreen.toml").market.calendar == "XTKS"


@pytest.mark.parametrize("text", ['market = "XLON"', '[market]\nexchange = "XLON"'])
def test_market__what_is_unknown_in_it_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "evergreen.toml").write_text(text)
    with pytest.raises(BadSetting, match="'market"):
        load_settings(tmp_path / "evergreen.toml")


def test_market__tickers_are_those_of_its_own_source_alone() -> None:
    market = MarketSettings(source="files:mine", tickers=("A", "B"))
    assert market.tickers_of("files:mine") == ("A", "B")
    assert market.tickers_of("files:another") == () == market.tickers_of("sample")
    assert len(MarketSettings().tickers_of("sample")) == 4


def test_variables__another_process_reads_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evergreen.toml").write_text(MARKET)
    settings = load_settings(tmp_path / "evergreen.toml")
    for name, value in settings.variables().items():
        monkeypatch.setenv(name, value)
    assert load_settings(tmp_path / "none.toml") == settings


def test_delivery_policy__a_persons_own_file_stands_beside_the_shipped_ones(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text("[monthly]\ntrigger.causes = ['calendar']\ntrigger.every = 21\n")
    policies = Settings(policies=str(own)).delivery_policies()
    assert "default" in policies and policies["monthly"].trigger.every == 21
    assert Settings(policies=str(own), policy="monthly").delivery_policy() == policies["monthly"]


def test_delivery_policy__settings_stand_in_place_of_the_policys_own() -> None:
    policy = Settings(retrain_after=3, newer_challenger="supersede", rollback_window=0).delivery_policy()
    assert policy.trigger.retrain_after == 3 and policy.canary is not None
    assert (policy.canary.newer_challenger, policy.canary.rollback_window) == ("supersede", 0)
    assert Settings(policy="eager", rollback_window=3).delivery_policy().canary is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"policy": "oracle"}, "only a replay can run it"),
        ({"policy": "hope"}, "no policy 'hope'"),
        ({"policies": "nowhere.toml"}, "cannot be read"),
    ],
)
def test_delivery_policy__what_cannot_be_followed_is_refused(changes: dict[str, str], problem: str) -> None:
    with pytest.raises(BadSetting, match=problem):
        Settings(**changes).delivery_policy()
