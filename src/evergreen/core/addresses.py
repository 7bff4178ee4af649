"""Addresses that stay on record, in which a secret has no place."""

from __future__ import annotations

import re

from evergreen.errors import BadSetting

_ACCOUNT = re.compile(r"://[^/?#]*@")
_QUERY = re.compile(r"https?://[^?]*\?(.*)", re.IGNORECASE | re.DOTALL)
_NAMED = re.compile(r"(\w+=)?\$\w+(&(\w+=)?\$\w+)*")
_NAME = re.compile(r"\$(\w+)")


def require_no_secret(address: str, what: str) -> None:
    """Pass if an address may be shown and kept: no account in it, and in a web address's query only $NAMES.

    What a query says cannot be told from a token, so all of it comes from the environment of who fetches.

    Args:
        address: as fsspec opens it.
        what: whose address it is, for the sentence.

    Raises:
        BadSetting: there is one, or may be.
    """
    if _ACCOUNT.search(address):
        raise BadSetting(
            f"the address of the {what} carries an account, and stays on record.", "Put it into fsspec's configuration."
        )
    query = _QUERY.match(address)
    if query and not _NAMED.fullmatch(query[1]):
        raise BadSetting(
            f"the address of the {what} carries a query, and stays on record.",
            "Write ?$NAME or ?token=$NAME in single quotes, and set NAME wherever flows run.",
        )


def names_in(address: str) -> list[str]:
    """The variables that a web address names, as in `https://host/f.csv?token=$DESK`."""
    return _NAME.findall(address) if _QUERY.match(address) else []
