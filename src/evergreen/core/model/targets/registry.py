"""Targets by name: those that come with the package, and those of others (entry points `evergreen.targets`)."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import cast

from evergreen.core.model.targets.protocol import Target
from evergreen.core.model.targets.vetted import VettedTarget
from evergreen.core.registered import entry_names, find_entry, instance_of, require_unshadowed
from evergreen.errors import BadSetting

GROUP = "evergreen.targets"
HOME = "evergreen.core.model.targets"
BUILT_IN = {
    "return": f"{HOME}.returns:Return",
    "rank": f"{HOME}.ranks:Rank",
    "neutral": f"{HOME}.neutral:Neutral",
    "volatility": f"{HOME}.volatility:Volatility",
}
MEMBERS = ("name", "title", "baseline", "lookback", "is_return", "by_order", "most_skill", "label")


def target(name: str) -> Target:
    """The target of that name; one of the package's own cannot be replaced, labels of another's are vetted.

    Raises:
        BadSetting: nothing is registered under it.
        BadInput: it cannot be imported, or is no target.
    """
    if own := BUILT_IN.get(name):
        return cast(Target, EntryPoint(name, own, GROUP).load()())
    if entry := find_entry(GROUP, name, BUILT_IN):
        return VettedTarget(instance_of(entry, "target", MEMBERS))
    raise BadSetting(f"no target {name!r} is registered.", f"Known are {', '.join(target_names())}.")


def named_target(name: str) -> Target:
    """`target`, for a name that a person gave.

    Raises:
        BadSetting: two are registered under it.
    """
    require_unshadowed(GROUP, name, BUILT_IN)
    return target(name)


def target_names() -> list[str]:
    """The names under which targets are registered."""
    return entry_names(GROUP, BUILT_IN)
