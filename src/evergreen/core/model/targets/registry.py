"""Targets by name: those that come with the package, and those of others (entry points `evergreen.targets`)."""

from __future__ import annotations

from typing import cast

from evergreen.core.model.targets.protocol import Target
from evergreen.core.registered import entry_names, find_entry
from evergreen.errors import BadSetting

GROUP = "evergreen.targets"
HOME = "evergreen.core.model.targets"
BUILT_IN = {
    "return": f"{HOME}.returns:Return",
    "rank": f"{HOME}.ranks:Rank",
    "neutral": f"{HOME}.neutral:Neutral",
    "volatility": f"{HOME}.volatility:Volatility",
}


def target(name: str) -> Target:
    """The target of that name; one of the package's own cannot be replaced.

    Raises:
        BadSetting: nothing is registered under it.
    """
    if entry := find_entry(GROUP, name, BUILT_IN):
        return cast(Target, entry.load()())
    raise BadSetting(f"no target {name!r} is registered.", f"Known are {', '.join(target_names())}.")


def target_names() -> list[str]:
    """The names under which targets are registered."""
    return entry_names(GROUP, BUILT_IN)
