from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters import gx
from evergreen.adapters.gx.validation_page import SHOWN
from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate
from evergreen.core.quality import RULES, check
from evergreen.errors import Broken

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2008-01-02"), pd.Timestamp("2008-02-29"))
CLEAN = simulate(4, DAYS, seed=1)
HURT = CLEAN.assign(close=CLEAN["close"].where(CLEAN.index != 9, np.nan))


def test_validate__passes_clean_bars_and_an_empty_delivery() -> None:
    for delivery in (CLEAN, CLEAN.iloc[:3], CLEAN.iloc[:0]):
        report = gx.validate(delivery, DAYS)
        assert (report.findings, report.success, report.blocked, report.page) == ([], True, False, None)


@pytest.mark.parametrize(
    ("delivery", "days", "success", "blocked"),
    [
        (HURT, DAYS, False, False),  # quarantine
        (CLEAN, DAYS[:-1], False, False),  # bars from the future cost themselves
        (CLEAN.assign(volume=0.0), DAYS, False, True),  # no session to believe
        (CLEAN.assign(volume=CLEAN["volume"].where(CLEAN.index != 9, 0.0)), DAYS, True, False),  # a warning
    ],
)
def test_validate__answers_as_the_rules_do(
    delivery: pd.DataFrame, days: pd.DatetimeIndex, success: bool, blocked: bool
) -> None:
    report = gx.validate(delivery, days)
    assert report.findings == check(delivery, days) or delivery is HURT  # NaN equals nothing
    assert [finding.message for finding in report.findings] == [f.message for f in check(delivery, days)]
    assert (report.success, report.blocked) == (success, blocked)


def test_validate__judges_a_single_session_by_the_one_before() -> None:
    halved = CLEAN.assign(**{name: CLEAN[name] * 0.5 for name in ("open", "high", "low", "close")})
    today = halved[(halved["session"] == DAYS[-1]) & (halved["ticker"] == "S1")]
    assert gx.validate(today, DAYS).success
    report = gx.validate(today, DAYS, history=CLEAN[CLEAN["session"] < DAYS[-1]])
    assert [finding.rule for finding in report.findings] == ["unadjusted_split"]


def test_validate__writes_a_page_that_names_every_rule_and_what_broke_it(tmp_path: Path) -> None:
    report = gx.validate(HURT, DAYS, tmp_path / "reports")
    assert report.page == tmp_path / "reports" / gx.PAGE
    page = html.unescape(report.page.read_text(encoding="utf-8"))
    assert all(rule.promise in page for rule in RULES)
    assert report.findings[0].message in page


def test_page__shows_the_bars_behind_a_broken_rule_with_what_is_wrong_marked(tmp_path: Path) -> None:
    page = gx.validate(HURT, DAYS, tmp_path).page
    assert page is not None
    shown = page.read_text(encoding="utf-8")
    bar = HURT.iloc[9]
    row = shown.partition(f'<th scope="row">{bar["ticker"]}</th>')[2].partition("</tr>")[0]
    assert f"{bar['session']:%Y-%m-%d}" in row and f"{bar['open']:.4f}".rstrip("0") in row
    assert row.count('class="n wrong"') == 1 and '<td class="n wrong">nan</td>' in row
    assert "Something is refused" in shown and "1 of" in shown


def test_page__shows_the_first_of_many_bars_and_each_message_once(tmp_path: Path) -> None:
    idle = CLEAN.assign(volume=CLEAN["volume"].where(CLEAN.index > 30, 0.0))
    page = gx.validate(idle, DAYS, tmp_path).page
    assert page is not None
    shown = page.read_text(encoding="utf-8")
    assert shown.count('<td class="n wrong">0</td>') == SHOWN and f"The first {SHOWN} of 31" in shown
    assert "Nothing is refused" in shown and shown.count("volume 0") <= idle["ticker"].nunique()


def test_page__needs_nothing_from_elsewhere_and_leads_nowhere(tmp_path: Path) -> None:
    for delivery in (HURT, CLEAN, CLEAN.iloc[:0]):
        page = gx.validate(delivery, DAYS, tmp_path).page
        assert page is not None and not re.search(r"https?://|href=|src=|url\(|<script", page.read_text())


def test_validate__lets_nothing_in_when_the_tool_itself_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = gx._judged
    monkeypatch.setattr(gx, "_judged", lambda *given: judged(*given).drop(columns="not_finite"))
    with pytest.raises(Broken, match="could not judge not_finite"):
        gx.validate(HURT, DAYS)
