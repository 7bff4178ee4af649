"""The first hour, in words: what was found in a person's files, what each step does and takes, and what is next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from evergreen.adapters.database import ledger, reading
from evergreen.core.bars.session import iso
from evergreen.errors import BadSetting, Conflict
from evergreen.market_data.found_market import FoundMarket
from evergreen.ops.words import counted
from evergreen.settings import Settings
from evergreen.workspace import Workspace

NAMED = 3  # tickers that lack sessions: enough to see whether it is one file or all
STALE_DAYS = 10  # no exchange is closed for longer: an older newest bar is not for want of sessions
# Two cores: 619,040 bars took 14 s to load, a run to start included 40, and 178 s to train on; of few bars an estimate.
LOADING, LOADING_A_BAR = 25.0, 0.00003  # seconds
TRAINING, TRAINING_A_BAR = 60.0, 0.0002  # seconds
UP = "starts a Prefect server, MLflow, the prediction service and a worker on this machine alone: about 40 s"
DEPLOY = "registers the flows on {}, about 20 s, and says how their worker starts; `evergreen serve` answers clients"
AFTER_UP = (
    "next: `evergreen backfill` loads the history and trains a first model; `evergreen status` says how far it is"
)
UP_AGAIN = "next: `evergreen status` says what serves and what runs"
AFTER_BACKFILL = (
    "it loads the history, builds features and asks for a first model, which the server then trains by itself",
    "next: `evergreen status` says what runs and what is left; forecasts are served once it names a champion",
)


def minutes(bars: int, fixed: float, each: float) -> str:
    """About how long work on that many bars takes, in words."""
    seconds = fixed + each * bars
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"


def after_up(settings: Settings) -> str:
    """What comes after `up`: the history, in a home that has none."""
    at = Workspace(settings)
    with reading(at.engine) as conn:
        has_data = ledger.clock(conn, settings.model_name) is not None
    return UP_AGAIN if has_data else AFTER_UP


def lines(market: FoundMarket, now: datetime, server: str = "") -> Iterator[str]:
    """What the files hold, what they lack, and what comes next: on a Prefect `server` of the person's own, if named."""
    tickers = counted(len(market.tickers), "ticker")
    yield f"bars       {market.bars:,} of {tickers}, {iso(market.first)} to {iso(market.last)}"
    yield f"exchange   {market.calendar} in {market.currency}: {_fit(market)}"
    if (now.date() - market.last.date()).days > STALE_DAYS:
        yield f"newest bar {iso(market.last)}: forecasts stand at that session, marked stale until newer bars come"
    yield f"missing    {_missing(market)}"
    for error in market.unreadable:
        yield f"unreadable {error}"
    see = f": see `evergreen validate {market.folder}`" if market.refusing + market.remarks else ""
    yield f"findings   {market.refusing} that refuse something, {market.remarks} to know of{see}"
    yield f"next       `evergreen deploy`: {DEPLOY.format(server)}" if server else f"next       `evergreen up`: {UP}"
    loading, training = (
        minutes(market.bars, fixed, each) for fixed, each in ((LOADING, LOADING_A_BAR), (TRAINING, TRAINING_A_BAR))
    )
    yield f"then       `evergreen backfill`: loads these bars, {loading}; then trains a first model, {training}"


def _fit(market: FoundMarket) -> str:
    if market.strange == 0:
        return f"all {market.sessions:,} dates are its sessions"
    doubt = "" if market.surely else "; no exchange fits well, name yours with --calendar"
    return f"{market.strange:,} of {market.sessions:,} dates are none of its sessions{doubt}"


def _missing(market: FoundMarket) -> str:
    whole = f"{counted(market.absent, 'session')} without any bar" if market.absent else "no session is without a bar"
    if not market.lacking:
        return f"{whole}; no ticker has a gap"
    named = ", ".join(f"{ticker} {count}" for ticker, count in list(market.lacking.items())[:NAMED])
    more = ", ..." if len(market.lacking) > NAMED else ""
    return f"{whole}; sessions lacking within a ticker's own span: {named}{more}"


def write_settings(market: FoundMarket, file: Path, replace: bool) -> None:
    """Write the market into a settings file.

    Raises:
        Conflict: there is one, and it is not to be replaced.
        BadSetting: no file can be written there.
    """
    if file.exists() and not replace:
        raise Conflict(f"{file} is there already.", "Edit it, or type --force to write it anew.")
    values = {"calendar": market.calendar, "source": f"files:{market.folder}", "currency": market.currency}
    table = [f"{name} = {_toml(value)}" for name, value in values.items()]
    every = f"# tickers = {_toml(market.tickers[:NAMED])} would take these alone of all there are"
    try:
        file.write_text("\n".join(["[market]", *table, every]) + "\n", encoding="utf-8")
    except OSError as error:
        raise BadSetting(
            f"{file.absolute()} cannot be written: {error.strerror}.", "Type it in another folder."
        ) from None


def _toml(value: object) -> str:
    """Text or a list of texts as TOML has them: as in JSON, and the delete character escaped too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
