"""The account of a walk, as a person reads it in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from evergreen.adapters.database.requests import BOOTSTRAP, BY_HAND
from evergreen.core.policy.kinds import DecisionKind


def tell(given: dict[str, Any], written: Path, home: Path, console: Console) -> None:
    """Print the account that `give_account` made."""
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="bold", no_wrap=True)
    lines.add_column()
    for name, text in _lines(given):
        lines.add_row(name, text)
    for sentence in in_plain_words(given):
        console.print(sentence)
    console.print(lines)
    console.print(f"The account as data: {written}. Logs, notebooks, models and databases: {home}.")
    console.print(f"Look at it: `evergreen demo --look --home {home}` brings its status page and MLflow back up.")


def in_plain_words(given: dict[str, Any]) -> Iterator[str]:
    """What the walk came to, for a person without statistics."""
    walked, serving = given["sessions"], given["champion"]
    by_itself = [request for request in given["retrains"] if not request["cause"].startswith((BOOTSTRAP, BY_HAND))]
    yield (
        f"For {walked['count']} trading days it watched the market, took in {given['bars']} days of prices, set "
        f"{given['refused']} aside as wrong, and answered {given['predictions']} questions about tomorrow's prices."
    )
    yield (
        f"The market looked different from what the model knew {_times(len(given['drift_events']))}; models trained "
        f"since without anybody's help: {len(by_itself)}. Version {serving['version']} answers everybody now; "
        "a newer one does so only once it is shown to do no harm."
    )
    for stopped in (step for step in given["canary"] if step["kind"] == DecisionKind.MISMATCH):
        moves = [
            step
            for step in given["canary"]
            if (step["version"], step["kind"]) == (stopped["version"], DecisionKind.CANARY)
        ]
        answered = "after it had answered some" if moves else "before it answered anybody"
        yield f"Version {stopped['version']} was given wrong numbers on purpose, and was taken back {answered}."


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _lines(given: dict[str, Any]) -> list[tuple[str, str]]:
    walked = given["sessions"]
    serving = given["champion"]
    return [
        ("sessions", f"{walked['count']}, from {walked['first']} to {walked['last']}"),
        ("bars", f"{given['bars']} accepted, {given['refused']} refused"),
        *(("drift", f"{event['as_of']}: {event['summary']}") for event in given["drift_events"] or [_NO_DRIFT]),
        *(("retrained", _retrain(request)) for request in given["retrains"]),
        *(("gate", f"version {verdict['version']}: {verdict['summary']}") for verdict in given["gate"]),
        *(("canary", _step(step)) for step in given["canary"]),
        *(("skill", _skill(skill)) for skill in given["skill"]),
        ("predictions", f"{given['predictions']} answered, each on record before it was sent"),
        ("champion", f"version {serving['version']} ({serving['kind']}), trained as of {serving['trained_as_of']}"),
    ]


_NO_DRIFT = {"as_of": "never", "summary": "no drift was found"}


def _step(step: dict[str, Any]) -> str:
    stage = f"to {step['stage']}: " if step["stage"] else ""
    return f"{step['as_of']} {stage}{step['summary']}"


def _retrain(request: dict[str, Any]) -> str:
    return f"as of {request['as_of']} ({request['cause']}): {request['verdict'] or request['state']}"


def _skill(skill: dict[str, Any]) -> str:
    return (
        f"version {skill['version']}, {skill['sessions']} sessions served or shadowed: squared error "
        f"{skill['gain_over_random_walk']:+.2%} better than the random walk's, RankIC {skill['rank_ic']:+.3f}"
    )
