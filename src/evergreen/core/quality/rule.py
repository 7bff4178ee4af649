"""What a rule is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["block", "quarantine", "warn"]
Scope = Literal["delivery", "session", "ticker", "bar", "nothing"]
Cost = tuple[Severity, Scope]


@dataclass(frozen=True)
class Rule:
    """A promise that bars keep, and what breaking it costs.

    `refuses` is what goes when it is broken: the `delivery`, all of the `session`, all the delivery's bars of the
    `ticker`, the `bar`, or `nothing`. `per` is what one finding is about. `fault` says what is wrong, `why` why
    it costs that.
    """

    name: str
    severity: Severity
    refuses: Scope
    per: Literal["bar", "ticker", "session"]
    columns: tuple[str, ...]
    promise: str
    fault: str
    why: str


def rule(
    name: str,
    cost: Cost,
    columns: str | tuple[str, ...],
    promise: str,
    fault: str,
    why: str,
    per: Literal["bar", "ticker", "session"] = "bar",
) -> Rule:
    """A rule, its `cost` being severity and what it refuses."""
    return Rule(name, *cost, per, (columns,) if isinstance(columns, str) else columns, promise, fault, why)
