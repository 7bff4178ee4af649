"""What `status` and `canary status` say of how things stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evergreen.adapters.infra.running import Running
from evergreen.ops.status import CanaryStatus, Status, canary_lines, lines, read_status
from evergreen.settings import MarketSettings, Settings

STANDING = Status("home", "XNYS in USD, from files:bars", (), "2018-02-07", behind=3, champion="2", called="version 2")


def test_status__on_a_server_of_ones_own_nobody_is_told_to_start_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert "type `evergreen up`" in next(lines(read_status(Settings(home=tmp_path))))
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api/")
    shown = list(lines(read_status(Settings(home=tmp_path))))
    assert shown[0].startswith("prefect    http://127.0.0.1:9/api, as PREFECT_API_URL says")
    assert not any("evergreen up" in line for line in shown)


@pytest.mark.parametrize(
    ("first", "end"),
    [
        ({}, "behind the exchange: type `evergreen daily`"),
        ({"owed": "90 bars owed"}, "behind the exchange: newer bars have not come"),
        ({"champion": None}, "behind the exchange"),
        ({"running": [Running("daily", "daily", datetime.now(UTC))]}, "behind the exchange: daily is under way"),
    ],
)
def test_status__what_is_behind_says_what_to_type_unless_something_comes_first(first: dict[str, Any], end: str) -> None:
    shown = list(lines(replace(STANDING, **first)))
    (behind,) = [line for line in shown if line.startswith("data")]
    assert behind.endswith(end) and ("evergreen daily" in "".join(shown)) == (not first)


def test_status__shows_no_password_of_its_source(tmp_path: Path) -> None:
    for url in ("postgresql://me:secret@host/bars", "postgresql://host/bars?user=me&password=secret"):
        settings = Settings(home=tmp_path, market=MarketSettings(source=f"sql:{url} select 1"))
        assert "***" in read_status(settings).market and "secret" not in read_status(settings).market


def test_canary_status__says_what_each_evidence_is_for_and_when_it_decides() -> None:
    canary = CanaryStatus("3", "2", "canary_5", 0.05, 11, 60, 0.0123, 0.05, 3.21, 32.8987, 0.4, 10.0)
    assert list(canary_lines(canary)) == [
        "version 3 against 2: canary_5, 5 % of clients",
        "11 of at most 60 sessions: mean difference +0.0123 (positive: the challenger errs less)",
        "evidence that it is not worse by 0.0500: 3.21, promoted at 32.9 (1 is none)",
        "evidence that it is worse: 0.4, rolled back at 10 (1 is none)",
    ]


def test_canary_status__before_the_first_settled_session_claims_no_evidence() -> None:
    fresh = CanaryStatus("3", "2", "shadow", 0.0, 0, 60, 0.0, 0.0, 1.0, 32.9, 1.0, 10.0)
    assert list(canary_lines(fresh))[1:] == ["no session has settled yet"]
