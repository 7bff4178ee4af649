"""What is asked of a source, and what became of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Order:
    """What is asked for: the bars of `tickers` from session `first` to `last`.

    With `history` each row is taken as known at its own session's close, and marked so. `second_source` is a second
    source (as `open_source` takes it) whose disagreement is a finding; empty for none.
    """

    source: str
    tickers: tuple[str, ...]
    first: pd.Timestamp
    last: pd.Timestamp
    history: bool = False
    second_source: str = ""


@dataclass(frozen=True)
class Delivery:
    """What became of one delivery; counts are rows, `first` and `last` ISO sessions: those of the bars of a history,
    those ordered of a session.

    `page` is the path of the validation report, empty for a session's delivery without findings; `cases` are
    the ids of the quarantine cases it opened.
    """

    source: str
    first: str
    last: str
    rows: int
    added: int
    restated: int
    refused: int
    blocked: bool
    findings: tuple[dict[str, Any], ...]
    page: str
    cases: tuple[str, ...] = ()

    def summary(self) -> dict[str, Any]:
        """The delivery as it is kept with a data version: its findings counted by rule, unadjusted splits named."""
        rules = pd.Series([finding["rule"] for finding in self.findings], dtype=object).value_counts()
        counted = {str(rule): int(count) for rule, count in rules.items()}
        return asdict(self) | {"findings": counted, "unadjusted": self.unadjusted()}

    @property
    def sentence(self) -> str:
        """The delivery for a log: what came in, what was refused, and by which rules."""
        span = self.last if self.first == self.last else f"{self.first} to {self.last}"
        counted = ", ".join(f"{rule} {count}" for rule, count in self.summary()["findings"].items())
        return (
            f"{span}: {self.rows:,} bars in, {self.added:,} new, {self.restated:,} restated, {self.refused:,} refused; "
            f"findings: {counted or 'none'}."
        )

    def unadjusted(self) -> list[str]:
        """Tickers whose price moved like a split that the factor does not tell."""
        return sorted({finding["ticker"] for finding in self.findings if finding["rule"] == "unadjusted_split"})
