"""A guard against retraining that feeds itself: each retraining that won nothing makes the next wait longer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Triggered:
    """A retraining that was started by a finding: sessions since then, and whether its challenger took office.

    `generation` counts the ones in a row before it that won nothing.
    """

    sessions_ago: int
    generation: int
    won: bool


@dataclass(frozen=True)
class Limits:
    """Sessions to wait after a retraining, doubled with each one in a row that won nothing; and most a month."""

    cooldown: int = 20
    month: int = 21
    most_a_month: int = 2


def next_generation(past: Sequence[Triggered]) -> int:
    """The generation of a retraining started now; `past` is newest first."""
    return 0 if not past or past[0].won else past[0].generation + 1


def hold_back(past: Sequence[Triggered], limits: Limits | None = None) -> str:
    """Why a finding may not start a retraining now, in one sentence; empty when it may.

    Args:
        past: the retrainings started by findings so far, newest first, however they ended.
        limits: how long to wait.
    """
    if not past:
        return ""
    limits = limits or Limits()
    wait = limits.cooldown * 2 ** next_generation(past)
    if past[0].sessions_ago < wait:
        return f"The last retraining was {past[0].sessions_ago} sessions ago, {wait} are waited{_why(past)}."
    recent = sum(one.sessions_ago < limits.month for one in past)
    if recent >= limits.most_a_month:
        return f"{recent} retrainings in the last {limits.month} sessions are as many as are allowed."
    return ""


def _why(past: Sequence[Triggered]) -> str:
    lost = next_generation(past)
    return f" after {lost} in a row that won nothing" if lost else ""
