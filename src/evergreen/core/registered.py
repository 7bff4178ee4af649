"""What is found by name: what comes with the package, and what others register as entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points


def find_entry(group: str, name: str, built_in: Mapping[str, str]) -> EntryPoint | None:
    """What is registered under a name; one of the package's own cannot be replaced. None if nothing is.

    Args:
        group: of the entry points, such as `evergreen.learners`.
        name: what is looked for.
        built_in: the package's own, `module:attribute` by name.
    """
    if name in built_in:
        return EntryPoint(name, built_in[name], group)
    return next(iter(entry_points(group=group, name=name)), None)


def entry_names(group: str, built_in: Mapping[str, str]) -> list[str]:
    """All names of a group, sorted."""
    return sorted({*built_in, *(entry.name for entry in entry_points(group=group))})
