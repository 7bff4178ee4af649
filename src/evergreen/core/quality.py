"""Which bars cannot be believed, and who is refused for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.core.bars import NUMBERS, conform, empty_bars
from evergreen.core.rules import RULES, Mask, Panel, Rule, Severity

__all__ = ["RULES", "Finding", "Screening", "Severity", "check", "screen", "split"]


@dataclass(frozen=True)
class Finding:
    """One rule broken by one bar; `session` None when the bar has none."""

    rule: str
    severity: Severity
    ticker: str
    session: pd.Timestamp | None
    column: str
    value: float | None
    message: str

    def to_dict(self) -> dict[str, str | float | None]:
        """As JSON takes it: the session as an ISO date, a value that is no finite number as text."""
        finite = self.value is None or np.isfinite(self.value)
        return {
            "rule": self.rule,
            "severity": self.severity,
            "ticker": self.ticker,
            "session": self.session.date().isoformat() if self.session is not None else None,
            "column": self.column,
            "value": self.value if finite else str(self.value),
            "message": self.message,
        }


@dataclass(frozen=True)
class Screening:
    """A delivery and, per rule, the mask (bars x the rule's columns) of what breaks it."""

    bars: pd.DataFrame
    broken: dict[str, Mask]

    def findings(self) -> list[Finding]:
        """One finding per rule, bar and column, gravest rules first, bars in order."""
        return [finding for rule in RULES for _, finding in self._of(rule)]

    def messages(self, rule: Rule) -> pd.Categorical:
        """One value a bar: what is wrong with it, or missing when `rule` holds."""
        wrong: dict[int, str] = {}
        for row, finding in self._of(rule):
            wrong[row] = f"{wrong[row]}; {finding.message}" if row in wrong else finding.message
        texts = pd.Index(sorted(set(wrong.values())), dtype=object)
        codes = np.full(len(self.bars), -1, dtype=np.int32)
        codes[list(wrong)] = texts.get_indexer(pd.Index(list(wrong.values()), dtype=object))
        return pd.Categorical.from_codes(codes.tolist(), categories=texts)

    def _of(self, rule: Rule) -> list[tuple[int, Finding]]:
        rows, columns = np.nonzero(self.broken[rule.name])
        return [
            (int(row), self._finding(rule, rule.columns[column], int(row)))
            for row, column in zip(rows, columns, strict=True)
        ]

    def _finding(self, rule: Rule, column: str, row: int) -> Finding:
        bar = self.bars.iloc[row]
        ticker = bar["ticker"] if isinstance(bar["ticker"], str) else ""
        session = None if pd.isna(bar["session"]) else bar["session"]
        value = float(bar[column]) if column in NUMBERS else None
        place = f"{ticker or 'a bar'} {session:%Y-%m-%d}" if session is not None else (ticker or "a bar")
        subject = f"{column} {value:g} " if value is not None else ""
        return Finding(rule.name, rule.severity, ticker, session, column, value, f"{place}: {subject}{rule.fault}")


def check(
    bars: pd.DataFrame,
    sessions: pd.DatetimeIndex,
    *,
    as_of: pd.Timestamp | None = None,
    history: pd.DataFrame | None = None,
) -> list[Finding]:
    """Every rule of `RULES` that a bar of the delivery `bars` breaks; empty when it can be believed.

    `sessions` are the exchange's, over the whole delivery; a bar after `as_of` (by default the last of
    `sessions`) is from the future. `history` holds bars known before, so that the first bar of each ticker
    can be compared with the one preceding it; without it that bar is not judged for splits.
    """
    return screen(bars, sessions, as_of=as_of, history=history).findings()


def screen(
    bars: pd.DataFrame,
    sessions: pd.DatetimeIndex,
    *,
    as_of: pd.Timestamp | None = None,
    history: pd.DataFrame | None = None,
) -> Screening:
    """As `check`, keeping the masks: what a gate or a report needs."""
    days = pd.DatetimeIndex(sessions).as_unit("us")
    last = as_of if as_of is not None else (days[-1] if len(days) else pd.Timestamp.min)
    panel = Panel(conform(bars), days, last, empty_bars() if history is None else conform(history))
    with np.errstate(all="ignore"):
        broken = {rule.name: rule.broken(panel).reshape(len(panel.bars), len(rule.columns)) for rule in RULES}
    return Screening(panel.bars, broken)


def split(bars: pd.DataFrame, findings: list[Finding]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`bars` as (accepted, refused), conformed: by delivery when a finding blocks, else by ticker.

    Equal copies of an accepted bar are dropped.
    """
    delivery = conform(bars)
    if any(finding.severity == "block" for finding in findings):
        return delivery.iloc[:0], delivery
    tickers = {finding.ticker for finding in findings if finding.severity == "quarantine"}
    refused = delivery["ticker"].isin(tickers)
    accepted = delivery[~refused].drop_duplicates(["ticker", "session"])
    return accepted.reset_index(drop=True), delivery[refused].reset_index(drop=True)
