"""The first step: a settings file written from a person's own bars."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evergreen.cli.output import say

app = typer.Typer()
SETTINGS = Path("evergreen.toml")


@app.command()
def init(
    folder: Annotated[Path | None, typer.Argument(help="CSV or Parquet files of bars; asked for if absent.")] = None,
    calendar: Annotated[str, typer.Option(help="The exchange; by default the one whose sessions the dates are.")] = "",
    currency: Annotated[str, typer.Option(help="Of the prices; by default the exchange's.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, take what is found.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write evergreen.toml anew if there is one.")] = False,
) -> None:
    """Look into your files of bars, say what is there and what is missing, and write evergreen.toml for them."""
    import re
    from dataclasses import replace
    from datetime import UTC, datetime

    from evergreen.errors import BadInput
    from evergreen.market_data.found_market import read_market
    from evergreen.ops.first_hour import lines, write_settings
    from evergreen.ops.known_server import named_server
    from evergreen.settings.ranges import CURRENCY

    if currency and not re.fullmatch(CURRENCY, currency):
        raise BadInput(f"{currency!r} is no currency.", "Give its code, such as EUR or GBp.")
    asks, now = not yes and sys.stdin is not None and sys.stdin.isatty(), datetime.now(UTC)
    place = folder or _ask_folder(asks)
    print(f"reading {place} and holding its dates against the exchanges ...", file=sys.stderr)
    market = read_market(place, calendar, now)
    market = replace(market, currency=currency or market.currency)
    say(lines(market, now, named_server()))
    if asks and not calendar and not typer.confirm(f"Is {market.calendar} in {market.currency} right?", default=True):
        print("type it again with --calendar and --currency; nothing was written")
        raise typer.Exit(1)
    write_settings(market, SETTINGS, force)
    print(f"written    {SETTINGS}")


def _ask_folder(asks: bool) -> Path:
    from evergreen.errors import BadInput

    if not asks:
        raise BadInput("no folder was named.", "Type `evergreen init FOLDER`.")
    return Path(typer.prompt("Which folder holds your bars"))
