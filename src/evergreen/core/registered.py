"""What is found by name: what comes with the package, and what others register as entry points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from evergreen.errors import BadInput, BadSetting, EvergreenError


def find_entry(group: str, name: str, built_in: Mapping[str, str]) -> EntryPoint | None:
    """What is registered under a name; one of the package's own cannot be replaced. None if nothing is.

    Args:
        group: of the entry points, such as `evergreen.learners`.
        name: what is looked for.
        built_in: the package's own, `module:attribute` by name.

    Raises:
        BadSetting: others registered it more than once.
    """
    if name in built_in:
        return EntryPoint(name, built_in[name], group)
    others = {entry.value: entry for entry in entry_points(group=group, name=name)}
    _require_one(group, name, list(others))
    return next(iter(others.values()), None)


def require_unshadowed(group: str, name: str, built_in: Mapping[str, str]) -> None:
    """Pass if who asks for a name can mean one thing only.

    Raises:
        BadSetting: others registered one of the package's own names, or one name more than once.
    """
    own = [built_in[name]] if name in built_in else []
    _require_one(group, name, [*own, *{entry.value: None for entry in entry_points(group=group, name=name)}])


def _require_one(group: str, name: str, registered: list[str]) -> None:
    if len(registered) > 1:
        raise BadSetting(
            f"{name!r} is registered {len(registered)} times in the group {group}: {', '.join(registered)}.",
            "Rename the entry point of a package that came from elsewhere, or uninstall it.",
        )


def entry_names(group: str, built_in: Mapping[str, str]) -> list[str]:
    """All names of a group, sorted."""
    return sorted({*built_in, *(entry.name for entry in entry_points(group=group))})


def load_entry(entry: EntryPoint) -> Any:
    """What an entry point names.

    Raises:
        BadInput: it cannot be imported.
    """
    with attributed(f"the entry point {entry.name!r} ({entry.value})", "when it was imported"):
        return entry.load()


def instance_of(entry: EntryPoint, what: str, members: Sequence[str]) -> Any:
    """What the class that somebody registered makes, called without arguments.

    Args:
        entry: of a group.
        what: such as "learner", for a sentence.
        members: what it must have; `name` is among them, and is the entry's.

    Raises:
        BadInput: the class cannot be imported or called, or what it makes lacks a member or has another name.
    """
    registered = load_entry(entry)
    if not isinstance(registered, type):
        raise BadInput(f"the {what} {entry.name!r} ({entry.value}) is no class.", "Register the class itself.")
    with attributed(f"the {what} {entry.name!r} ({entry.value})", "when it was made without arguments"):
        instance = registered()
    if lacking := [each for each in members if not hasattr(instance, each)]:
        raise BadInput(f"the {what} {entry.name!r} ({entry.value}) has no {', '.join(lacking)}.", "Add them.")
    if instance.name != entry.name:
        raise BadInput(
            f"the {what} {entry.name!r} ({entry.value}) is called {instance.name!r} by its own `name`.",
            "Give both one name: what is kept is read back by it.",
        )
    return instance


@contextmanager
def attributed(whose: str, when: str, refusal: type[EvergreenError] = BadInput) -> Iterator[None]:
    """Where code of somebody else raises, say whose it is, as a `refusal`; our own errors pass."""
    try:
        yield
    except EvergreenError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's code: whatever it raises is what is to be told
        reason = next(iter(str(error).splitlines()), "").rstrip(".")
        raise refusal(
            f"{whose} failed {when}: {type(error).__name__}: {reason}.", "Mend it, or take another one."
        ) from error
