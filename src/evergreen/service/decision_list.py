"""All decisions as a page: the newest first, of every kind or of one, a screenful of a long log at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from evergreen.adapters.database import decisions
from evergreen.adapters.database.decisions import ListedDecision
from evergreen.errors import NotFound

AT_ONCE = 500  # rows: some two years of a canary's daily looks, and still drawn at once on a phone


@dataclass(frozen=True)
class DecisionList:
    """What the page shows. `kind` is the only kind shown, empty for all; `older` are before the last one shown."""

    rows: list[ListedDecision]
    kinds: dict[str, int]
    kind: str
    newest: bool
    older: bool

    @property
    def number(self) -> int:
        """How many decisions there are of what is shown, on this page and on others."""
        return self.kinds[self.kind] if self.kind else sum(self.kinds.values())


def list_decisions(conn: Connection, model: str, kind: str, before: int | None, at_once: int = AT_ONCE) -> DecisionList:
    """Read what the page shows: decisions of a kind, or of all with an empty one, with numbers below `before`.

    Raises:
        NotFound: there is none of that kind.
    """
    kinds = decisions.count_kinds(conn, model)
    if kind and kind not in kinds:
        raise NotFound(f"No decision of the kind {kind!r} is on record.", "The list of all decisions has the kinds.")
    rows = decisions.listed(conn, model, at_once + 1, kind, before)
    return DecisionList(rows[:at_once], kinds, kind, newest=before is None, older=len(rows) > at_once)
