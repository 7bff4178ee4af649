"""Delivery policies by name: those that Evergreen ships, and a person's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.errors import BadSetting

if TYPE_CHECKING:  # not everyone who reads a setting needs the rules
    from evergreen.core.policy import Policy


def known_policies(own: Path | None = None) -> dict[str, Policy]:
    """The shipped policies and those of a file of one's own, which win.

    Raises:
        BadSetting: the file cannot be read, or not as policies.
    """
    from evergreen.core.policy import SHIPPED, parse_policies

    shipped = parse_policies(SHIPPED.read_text())
    if own is None:
        return shipped
    try:
        text = own.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"the policies {own} cannot be read: {error}.", "Name a policies.toml.") from None
    return shipped | parse_policies(text)
