"""Policies from TOML text: one section each, over the defaults; what is not known is refused."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from evergreen.core.canary import Ladder, Stage
from evergreen.core.drift import Cause
from evergreen.core.policy.policy import CanaryPolicy, GatePolicy, Policy, TriggerPolicy
from evergreen.errors import BadInput, BadSetting

PARTS: dict[str, type[TriggerPolicy | GatePolicy | CanaryPolicy]] = {
    "trigger": TriggerPolicy,
    "gate": GatePolicy,
    "canary": CanaryPolicy,
}


def parse_policies(text: str) -> dict[str, Policy]:
    """The policies of a TOML file by name.

    A section may hold `hindsight` and the tables `trigger`, `gate` and `canary`, with the fields of `TriggerPolicy`,
    `GatePolicy` and `CanaryPolicy`; `gate = false` and `canary = false` leave them out. `canary.ladder` is a list of
    tables with the fields of `Stage`. What a section does not say is as in `Policy`.

    Raises:
        BadSetting: no TOML, an unknown key, a value of another type or outside its range; named, in one sentence.
    """
    try:
        sections = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"the policies are no TOML: {error}.", "Mend the file.") from None
    return {name: _policy(name, section) for name, section in sections.items()}


def choose(policies: Mapping[str, Policy], name: str) -> Policy:
    """The policy of that name; `calendar:20` is the policy `calendar` with 20 sessions between two trainings.

    Raises:
        BadSetting: no such policy, or one that takes no number.
    """
    section, colon, number = name.partition(":")
    if section not in policies:
        raise BadSetting(f"there is no policy {section!r}.", f"Known: {', '.join(policies)}.")
    policy = policies[section]
    if not colon:
        return policy
    if Cause.CALENDAR not in policy.trigger.causes or not number.isdecimal() or int(number) < 1:
        raise BadSetting(f"policy {name!r} cannot be read.", "Only a calendar takes a number of sessions: calendar:20.")
    return replace(policy, name=name, trigger=replace(policy.trigger, every=int(number)))


def _policy(name: str, section: Any) -> Policy:
    known = _checked(f"policy {name!r}", section, (*PARTS, "hindsight"))
    parts = {key: _part(name, key, value) for key, value in known.items() if key in PARTS}
    return Policy(name=name, hindsight=_typed(f"hindsight of policy {name!r}", known.get("hindsight", 0), 0), **parts)


def _part(name: str, key: str, table: Any) -> Any:
    where = f"{key} of policy {name!r}"
    if table is False and key != "trigger":
        return None
    kind = PARTS[key]
    defaults = kind()
    values = _checked(where, table, [each.name for each in fields(kind)])
    read = {each: _value(f"{each} of the {where}", value, getattr(defaults, each)) for each, value in values.items()}
    try:
        return kind(**read)
    except BadSetting as error:
        raise BadSetting(f"policy {name!r}: {error.what}", error.hint) from None


def _value(where: str, value: Any, default: Any) -> Any:
    if isinstance(default, Ladder):
        return _ladder(where, value)
    if isinstance(default, tuple):
        return tuple(_cause(where, each) for each in _typed(where, value, []))
    return _typed(where, value, default)


def _typed(where: str, value: Any, default: Any) -> Any:
    kind = type(default)
    number = kind is float and type(value) is int
    if type(value) is not kind and not number:
        raise BadSetting(f"{where} is {value!r}.", f"Give a value such as {default!r}.")
    return float(value) if number else value


def _cause(where: str, value: Any) -> Cause:
    try:
        return Cause(value)
    except ValueError:
        raise BadSetting(
            f"{where} are unknown: {value!r}.", f"Known: {', '.join(each.value for each in Cause)}."
        ) from None


def _ladder(where: str, rows: Any) -> Ladder:
    tables = [_checked(where, row, [each.name for each in fields(Stage)]) for row in _typed(where, rows, [])]
    usual: dict[str, Any] = {"name": "", "weight": 0, "clean_sessions": 1, "e_rollback_limit": 1.0}
    try:
        return Ladder(
            tuple(
                Stage(**{key: _typed(f"{key} of the {where}", each, usual[key]) for key, each in table.items()})
                for table in tables
            )
        )
    except (TypeError, BadInput) as error:
        raise BadSetting(f"the {where} cannot be read: {error}", "Give each stage a name and a weight.") from None


def _checked(where: str, table: Any, known: Iterable[str]) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise BadSetting(f"the {where} is {table!r}, no table.", "See the shipped policies.toml.")
    names = list(known)
    if strange := [key for key in table if key not in names]:
        raise BadSetting(f"the {where} has no field {strange[0]!r}.", f"Known: {', '.join(names)}.")
    return table
