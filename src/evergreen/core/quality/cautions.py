"""What is told and let in: every rule that costs no bar."""

from __future__ import annotations

from evergreen.core.quality.rule import Cost, rule

_WARN: Cost = ("warn", "nothing")

CAUTIONS = (
    rule(
        "special_session",
        ("warn", "session"),
        "session",
        "the calendar knows every session",
        "really traded on a day the calendar does not know",
        "exchanges hold special sessions; features and horizons count the calendar's, so the bar is left out",
        per="session",
    ),
    rule(
        "vendor_fault",
        _WARN,
        "close",
        "faults come alone",
        "bars of this session are faulty",
        "one cause for many findings: look at the vendor, not at the tickers",
        per="session",
    ),
    rule(
        "thin_coverage",
        _WARN,
        "session",
        "nine of ten expected tickers have a bar",
        "bars are less than nine tenths of what this session should have",
        "names that are late today come tomorrow",
        per="session",
    ),
    rule(
        "missing_sessions",
        _WARN,
        "session",
        "a ticker has a bar on every session",
        "follows sessions without a bar",
        "halts are real, and nothing that is there is wrong",
    ),
    rule(
        "halted",
        _WARN,
        "volume",
        "a ticker trades within five sessions",
        "is one of five or more without trade",
        "a halt is real",
    ),
    rule("zero_volume", _WARN, "volume", "something was traded", "says nothing was traded", "a halt is real"),
    rule(
        "repeated_bar",
        _WARN,
        "close",
        "no bar comes twice",
        "comes twice, alike",
        "equal copies say nothing new: one is kept",
    ),
)
