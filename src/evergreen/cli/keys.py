"""API keys of the prediction service."""

from __future__ import annotations

from typing import Annotated

import typer

from evergreen.settings import load_settings

app = typer.Typer(help="API keys of the prediction service.", no_args_is_help=True)


@app.command("add")
def key_add(
    name: str, admin: Annotated[bool, typer.Option(help="May also see the pages and roll back.")] = False
) -> None:
    """Make a key; it is shown once and kept as a hash only."""
    from evergreen.service.keys import Keys

    settings = load_settings()
    settings.home.mkdir(parents=True, exist_ok=True)
    print(Keys(settings.keys).add(name, admin))


@app.command("remove")
def key_remove(name: str) -> None:
    """Refuse an account's key from now on."""
    from evergreen.service.keys import Keys

    Keys(load_settings().keys).remove(name)
    print(f"{name} is no longer let in")


@app.command("list")
def key_list() -> None:
    """The accounts that have a key."""
    from evergreen.service.keys import Keys

    for account in Keys(load_settings().keys).accounts().values():
        print(f"{account.name}{'  (administration)' if account.admin else ''}")
