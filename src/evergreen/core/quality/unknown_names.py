"""What was asked of a source beside what it gave."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from evergreen.core.quality.screening import Finding

SHOWN = 8  # tickers named
NEAR = 0.6  # of two names' letters the same: difflib's own limit


def unknown_tickers(requested: Collection[str], known: Collection[str], offered: Collection[str]) -> list[Finding]:
    """A finding that names the tickers `requested` that are not `known`: neither delivered nor ever stored.

    Names near them among those the source has `offered` are told along.
    """
    strangers = sorted(set(requested) - set(known))
    if not strangers:
        return []
    named = ", ".join(_with_near_names(ticker, offered) for ticker in strangers[:SHOWN])
    others = f" and {len(strangers) - SHOWN} more" if len(strangers) > SHOWN else ""
    message = (
        f"no bar of {named}{others} came, now or ever: {len(strangers)} of {len(set(requested))} tickers asked for"
    )
    return [Finding("unknown_ticker", "warn", "", None, "ticker", float(len(strangers)), message)]


def _with_near_names(ticker: str, offered: Collection[str]) -> str:
    near = [name for name in get_close_matches(ticker, sorted(offered), n=2, cutoff=NEAR) if name != ticker]
    return f"{ticker} (near it: {', '.join(near)})" if near else ticker
