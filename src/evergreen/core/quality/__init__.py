"""Which bars cannot be believed, and what is refused for it."""

from evergreen.core.quality.policy import RULES
from evergreen.core.quality.rule import Rule, Severity
from evergreen.core.quality.screening import Finding, Screening, blocks, check, screen, split

__all__ = ["RULES", "Finding", "Rule", "Screening", "Severity", "blocks", "check", "screen", "split"]
