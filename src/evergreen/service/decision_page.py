"""One decision as a page: what it means, what was said, what it rests on, and where it stands in the chain."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from evergreen.adapters.database import decisions, ledger
from evergreen.adapters.database.decisions import RecordedDecision
from evergreen.core.canary import CanaryRecord, QualityTest
from evergreen.core.hash_chain import Head
from evergreen.core.policy.kinds import DecisionKind
from evergreen.core.policy.plain_words import effect_of, in_plain_words
from evergreen.errors import Broken, NotFound
from evergreen.service.papers import PageLink, Papers

SHOWN = 12  # of a list; the record itself, below, has all
DEPTH = 2  # of what is shown as numbers: deeper are states of tests, which are no reading


@dataclass(frozen=True)
class DecisionView:
    """All that a decision's page shows. `linked`: its content has its hash, and it follows the one before it."""

    decision: RecordedDecision
    plain: str
    effect: str
    numbers: list[tuple[str, str]]
    record: str
    data_version: str
    links: list[PageLink]
    same_subject: list[RecordedDecision]
    head: Head
    linked: bool
    quality: QualityTest | None

    @property
    def kind(self) -> str:
        """The kind in words."""
        return self.decision.kind.replace("_", " ")


def view_decision(conn: Connection, model: str, seq: int, papers: Papers) -> DecisionView:
    """Read what the page of decision `seq` shows.

    Raises:
        NotFound: there is no such decision.
    """
    recorded = decisions.read(conn, model, seq)
    data_version = _data_version(conn, recorded)
    return DecisionView(
        decision=recorded,
        plain=in_plain_words(recorded.kind, recorded.turned),
        effect=effect_of(recorded.kind, recorded.turned),
        numbers=list(numbers(recorded.evidence)),
        record=json.dumps(recorded.evidence, indent=1, sort_keys=True, ensure_ascii=False),
        data_version=data_version,
        links=_links(conn, recorded, data_version, papers),
        same_subject=[each for each in decisions.of(conn, recorded.subject) if each.turned and each.seq != seq],
        head=decisions.head(conn),
        linked=decisions.is_linked(conn, recorded),
        quality=_quality(recorded.evidence),
    )


def numbers(evidence: Mapping[str, Any], before: str = "", depth: int = DEPTH) -> Iterator[tuple[str, str]]:
    """What can be read of a decision's evidence, as (name, value); nested names follow their own's name."""
    for name, value in evidence.items():
        words = f"{before}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            if depth > 1:
                yield from numbers(value, f"{words}: ", depth - 1)
        elif not isinstance(value, list):
            if value != "":
                yield words, _text(value)
        elif value and not any(isinstance(each, list | Mapping) for each in value):
            more = f" and {len(value) - SHOWN} more" if len(value) > SHOWN else ""
            yield words, ", ".join(_text(each) for each in value[:SHOWN]) + more


def _text(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _data_version(conn: Connection, recorded: RecordedDecision) -> str:
    """The data it rests on: named in its evidence, trained on by the version it is about, or that of its session."""
    if named := recorded.evidence.get("data_version"):
        return str(named)
    try:
        return ledger.read_model_version(conn, recorded.model, recorded.subject).data_version or ""
    except NotFound:
        session = ledger.read_session(conn, recorded.model, recorded.as_of)
        return (session.data_version or "") if session else ""


def _links(conn: Connection, recorded: RecordedDecision, data_version: str, papers: Papers) -> list[PageLink]:
    finding = papers.of_finding(conn, recorded.as_of) if recorded.kind == DecisionKind.DRIFT else []
    return [*finding, *papers.of_version(conn, recorded.subject), *papers.of_data(conn, data_version)]


def _quality(evidence: Mapping[str, Any]) -> QualityTest | None:
    if "test" not in evidence:
        return None
    try:
        return CanaryRecord.from_json(evidence).quality_test()
    except Broken:
        return None
