"""What each finding costs, and why: the whole policy of validation in one table."""

from __future__ import annotations

from evergreen.core.bars.schema import NUMBERS, PRICES
from evergreen.core.quality.rule import Cost, rule

_DELIVERY: Cost = ("block", "delivery")
_SESSION: Cost = ("block", "session")
_TICKER: Cost = ("quarantine", "ticker")
_BAR: Cost = ("quarantine", "bar")
_WARN: Cost = ("warn", "nothing")
_ONE_WRONG = "the bar is wrong in itself, its neighbours are not"
_SCALE = "on one side of it every price is on another scale, and the data do not say which side"

RULES = (
    rule(
        "shifted_dates",
        _DELIVERY,
        "session",
        "bars are stamped with the day they traded",
        "lies on a day without trading, while the session beside it has no bar",
        "dates moved by a day give a model tomorrow's prices",
        per="ticker",
    ),
    rule(
        "faulty_session",
        _SESSION,
        "close",
        "fewer than half of a session's bars are faulty",
        "bars of this session are faulty, at least half of it",
        "what half of a file gets wrong, the other half cannot be trusted with",
        per="session",
    ),
    rule(
        "low_coverage",
        _SESSION,
        "session",
        "at least half of the expected tickers have a bar",
        "bars are less than half of what this session should have",
        "a cross-section of what happened to arrive is not the market",
        per="session",
    ),
    rule(
        "provisional_session",
        _SESSION,
        "volume",
        "the newest session is final for most names",
        "bars of the newest session look unfinished: a fifth faulty, or most with under a quarter of the usual shares",
        "vendors ship the running session's cross-section; it comes again once it is final",
        per="session",
    ),
    rule("ticker_missing", _BAR, "ticker", "every bar has a ticker", "has no ticker", "nobody knows whose bar it is"),
    rule("session_missing", _BAR, "session", "every bar has a date", "has no date", "nobody knows when it traded"),
    rule(
        "future_session",
        _BAR,
        "session",
        "no bar is younger than the last closed session",
        "lies after the last closed session",
        "vendors ship the running session's bar before it is final",
    ),
    rule(
        "not_a_session",
        _BAR,
        "session",
        "the exchange traded on every bar's date",
        "the exchange did not trade that day",
        "a filled-in holiday repeats prices nobody paid",
    ),
    rule("not_finite", _BAR, NUMBERS, "every value is a number", "is not a number", _ONE_WRONG),
    rule("not_positive", _BAR, (*PRICES, "factor"), "prices are above zero", "is not above zero", _ONE_WRONG),
    rule("negative_volume", _BAR, "volume", "volume is not below zero", "is below zero", _ONE_WRONG),
    rule(
        "high_not_highest",
        _BAR,
        "high",
        "high is the highest price of its bar",
        "is below another price of its bar",
        _ONE_WRONG,
    ),
    rule(
        "low_not_lowest",
        _BAR,
        "low",
        "low is the lowest price of its bar",
        "is above another price of its bar",
        _ONE_WRONG,
    ),
    rule(
        "conflicting_bars",
        _BAR,
        "close",
        "bars of one ticker and session agree",
        "is of one of several bars that disagree",
        "one of them is right, and nothing says which",
    ),
    rule(
        "spike",
        _BAR,
        "close",
        "prices do not leave and return without touching what lies between",
        "stands clear of the bars on both sides, which meet again",
        "a lost digit, another currency or another company's bar; the series goes on without it",
    ),
    rule(
        "lost_digit",
        _BAR,
        "close",
        "the newest prices are on the scale of the ones before",
        "is a power of ten away from the bars before, with shares as usual",
        "a digit too few or too many in the newest bars; the next ones are on the old scale",
    ),
    rule(
        "wick",
        _BAR,
        "close",
        "high and low lie where the bars around have been",
        "is of a bar whose high or low was never near",
        "a wrong digit or a trade that was cancelled: ranges are features, and one such bar rules sixty",
    ),
    rule(
        "wrong_company",
        _BAR,
        "close",
        "no two tickers have the same bar",
        "is of a bar that another ticker has too, and that is out of place here",
        "the vendor swapped companies for some sessions; the series goes on without them",
    ),
    rule(
        "stale_bar",
        _BAR,
        "close",
        "no session repeats the prices of the one before",
        "is of the bar before, repeated",
        "a zero return that never was",
    ),
    rule(
        "flat_line",
        _BAR,
        "close",
        "prices move when shares trade",
        "is one of five or more at one single price, though shares traded",
        "filled in by the vendor: zero returns that never were",
    ),
    rule(
        "unadjusted_split",
        _TICKER,
        "close",
        "price and factor tell every split alike",
        "moves like a split, which the factor does not tell",
        _SCALE,
    ),
    rule(
        "unexplained_jump",
        _BAR,
        "close",
        "a third of the price does not go overnight without a crowd or company",
        "is at or beside a jump that neither a crowd, the market nor the week after it explains",
        "a spin-off, a special dividend or a split that the factor does not tell: the sessions beside it are left out",
        per="ticker",
    ),
    rule(
        "recycled_symbol",
        _TICKER,
        "close",
        "a symbol names one company",
        "follows a quarter without bars, on another level",
        "symbols are given to new companies; two histories under one name are none",
    ),
    rule(
        "implausible_name",
        _TICKER,
        "ticker",
        "a ticker is what the exchange calls it",
        "is no ticker: name the file or the column `ticker` by the exchange's symbol",
        "what nobody asks for by that name is served to nobody, and may be one company twice",
        per="ticker",
    ),
    rule(
        "other_spelling",
        _TICKER,
        "ticker",
        "a company is spelled in one way",
        "is another spelling of a ticker with more bars: write both alike",
        "half of a history under each spelling is no history",
        per="ticker",
    ),
    rule(
        "not_daily",
        _TICKER,
        "session",
        "there is a bar for each session",
        "is the first of weekly or monthly bars: give one a session",
        "a week's range and volume beside days' is another quantity",
        per="ticker",
    ),
    rule(
        "same_series",
        _TICKER,
        "close",
        "no series comes under two names",
        "has bars that are another ticker's as well",
        "one of the names is wrong, and as two votes in a cross-section it counts double",
        per="ticker",
    ),
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
"""Every rule about bars, gravest first."""


def policy_table() -> str:
    """The policy as a Markdown table, as `docs/validation.md` shows it."""
    head = "| rule | severity | costs | promise | why |\n|---|---|---|---|---|"
    lines = [f"| `{each.name}` | {each.severity} | {each.refuses} | {each.promise} | {each.why} |" for each in RULES]
    return "\n".join([head, *lines])
