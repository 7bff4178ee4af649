"""The page of a delivery's validation: every rule, and the bars that broke one. It needs no network and no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader

from evergreen.adapters.bars.writing import writable
from evergreen.core.bars.session import iso
from evergreen.core.quality import RULES, Finding, Rule, Screening

SHOWN = 20  # bars of a rule; a broken file breaks one in all of its bars
COLUMNS = ("open", "high", "low", "close", "volume", "factor")


@dataclass(frozen=True)
class BarRow:
    """A bar that broke a rule: its values as text, by column, and which of them the rule is about.

    `message` is empty where it is the bar's before: one finding may be about many.
    """

    ticker: str
    session: str
    values: tuple[str, ...]
    broken: tuple[bool, ...]
    message: str


@dataclass(frozen=True)
class BrokenRule:
    """A rule with the bars that broke it: `count` in all, the first ones in `bars`."""

    rule: Rule
    count: int
    bars: list[BarRow]


def write_page(screening: Screening, findings: Sequence[Finding], success: bool, judge: str, page: Path) -> Path:
    """Write what was judged to `page`; `success`: nothing is refused; `judge` says who judged, and how many rules held.

    Findings that no rule made, such as a profile's, are listed by their message.
    """
    template = Environment(loader=PackageLoader(__name__, ""), autoescape=True).get_template("validation_page.html.j2")
    broken = [_broken(screening, rule) for rule in RULES if screening.marked(rule).any()]
    names = {each.rule.name for each in broken}
    sessions = screening.bars["session"].dropna()
    html = template.render(
        bars=len(screening.bars),
        tickers=screening.bars["ticker"].nunique(),
        span=sorted({iso(sessions.min()), iso(sessions.max())}) if len(sessions) else [],
        success=success,
        judge=judge,
        broken=broken,
        kept=[rule for rule in RULES if rule.name not in names],
        others=[finding.message for finding in findings if finding.rule not in {rule.name for rule in RULES}],
        columns=COLUMNS,
        shown=SHOWN,
    )
    with writable(page):
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(html, encoding="utf-8")
    return page


def _broken(screening: Screening, rule: Rule) -> BrokenRule:
    marked = screening.marked(rule)
    rows = np.flatnonzero(marked)[:SHOWN]
    messages = [str(message) for message in screening.messages(rule)[rows]]
    repeated = [message if message != before else "" for before, message in pairwise(["", *messages])]
    bars = [_row(screening, rule, int(row), message) for row, message in zip(rows, repeated, strict=True)]
    return BrokenRule(rule, int(marked.sum()), bars)


def _row(screening: Screening, rule: Rule, row: int, message: str) -> BarRow:
    bar = screening.bars.iloc[row]
    wrong = dict(zip(rule.columns, screening.broken[rule.name][row], strict=True))
    return BarRow(
        ticker=str(bar["ticker"]) if isinstance(bar["ticker"], str) else "none",
        session=iso(bar["session"]) if not pd.isna(bar["session"]) else "none",
        values=tuple(_text(bar.get(column)) for column in COLUMNS),
        broken=tuple(bool(wrong.get(column, False)) for column in COLUMNS),
        message=message,
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
