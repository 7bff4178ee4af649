"""API keys of the prediction service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from evergreen.cli.here import load_settings

app = typer.Typer(help="API keys of the prediction service.", no_args_is_help=True)


@app.command("add")
def key_add(
    name: str,
    admin: Annotated[bool, typer.Option(help="May also see the pages and roll back.")] = False,
    days: Annotated[int, typer.Option(min=0, max=36_500, help="After so many days it is refused; 0: never.")] = 0,
    replace: Annotated[bool, typer.Option("--replace", help="In place of the account's key, which ends.")] = False,
) -> None:
    """Make a key; it is shown once and kept as a hash only."""
    from evergreen.service.keys import Keys

    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days) if days else None
    print(Keys(load_settings().keys).add(name, admin, expires, replace))


@app.command("remove")
def key_remove(name: str) -> None:
    """Refuse an account's key from now on."""
    from evergreen.service.keys import Keys

    Keys(load_settings().keys).remove(name)
    print(f"{name} is no longer let in")


@app.command("list")
def key_list() -> None:
    """The accounts that have a key: until when, and when it was last used."""
    from evergreen.service.keys import Keys

    keys = Keys(load_settings().keys)
    for account in keys.accounts().values():
        used = keys.last_used(account.name)
        facts = [
            "administration" if account.admin else "forecasts",
            f"expires {account.expires}" if account.expires else "does not expire",
            f"last used {used:%Y-%m-%d %H:%M} UTC" if used else "never used",
        ]
        print(f"{account.name}  {', '.join(facts)}")
