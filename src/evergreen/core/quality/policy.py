"""What each finding costs, and why: the whole policy of validation in one table."""

from __future__ import annotations

from evergreen.core.quality.cautions import CAUTIONS
from evergreen.core.quality.refusals import REFUSALS

RULES = (*REFUSALS, *CAUTIONS)
"""Every rule about bars, gravest first."""


def policy_table() -> str:
    """The policy as a Markdown table, as `docs/validation.md` shows it."""
    head = "| rule | severity | costs | promise | why |\n|---|---|---|---|---|"
    lines = [f"| `{each.name}` | {each.severity} | {each.refuses} | {each.promise} | {each.why} |" for each in RULES]
    return "\n".join([head, *lines])
