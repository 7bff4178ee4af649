"""Settings from a file and the environment."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evergreen.errors import BadSetting
from evergreen.settings.market import MarketSettings
from evergreen.settings.places import with_absolute_places
from evergreen.settings.settings import PREFIX, Settings


def load_settings(file: Path = Path("evergreen.toml")) -> Settings:
    """Settings from `file` and the environment; a relative path in it lies beside it, in a variable where one works.

    Raises:
        BadSetting: an unknown name or an unusable value, with where it came from.
    """
    from_file = _placed(_with_market(_from_file(file)), file.parent)
    from_environment = _placed(_with_market(_from_environment()), Path())
    values = from_file | from_environment | {"market": from_file["market"] | from_environment["market"]}
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _refusal(error, file) from None


def _refusal(error: ValidationError, file: Path) -> BadSetting:
    """What is wrong first, and where it stands: a variable wins over the file. Its value may be a secret."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    what = f"setting {name!r}: {first['msg'].removeprefix('Value error, ')}."
    if first["type"] == "extra_forbidden":
        known = ", ".join(MarketSettings.model_fields if "." in name else Settings.model_fields)
        return BadSetting(what, f"Look in {file} and at variables named {PREFIX}*; known: {known}.")
    variable = PREFIX + "_".join(str(part) for part in first["loc"] if isinstance(part, str)).upper()
    return BadSetting(what, f"Mend {variable}." if variable in os.environ else f"Mend it in {file}.")


def _with_market(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with all that is about the market in one table; a `calendar` of its own is how it was once written."""
    market = values.get("market", {})
    if not isinstance(market, dict):
        raise BadSetting("setting 'market' is a table.", f"Known in it: {', '.join(MarketSettings.model_fields)}.")
    alone = {name: values[f"market_{name}"] for name in MarketSettings.model_fields if f"market_{name}" in values}
    market = alone | market
    if "calendar" in values:
        market = {"calendar": values["calendar"]} | market
    moved = {"market", "calendar", *(f"market_{name}" for name in MarketSettings.model_fields)}
    return {name: value for name, value in values.items() if name not in moved} | {"market": market}


def _placed(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    return with_absolute_places(values, folder) | {"market": with_absolute_places(values["market"], folder)}


def _from_file(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        return tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadSetting(f"{file} cannot be read: {error}.", "Mend it or move it away.") from None


def _from_environment() -> dict[str, str]:
    return {name.removeprefix(PREFIX).lower(): value for name, value in os.environ.items() if name.startswith(PREFIX)}
