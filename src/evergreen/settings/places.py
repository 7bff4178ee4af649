"""Places that settings name. Parts of the stack work in folders of their own, so each place is held from the root."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")  # s3://bucket, http://host, postgresql+psycopg://, host:path
SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?!/|:memory:)(?=.)")
OF_FILES = ("files", "sessions", "parquet", "csv")


def absolute_place(place: str, folder: Path) -> str:
    """A path as it reads in `folder`, from the root; nothing, or an address, as it is."""
    return place if not place or ADDRESS.match(place) else os.path.normpath(folder.absolute() / place)


def absolute_url(url: str, folder: Path) -> str:
    """A URL whose SQLite file, if it names one, is named from the root."""
    return SQLITE.sub(lambda scheme: f"{scheme[1]}{folder.absolute()}/", url)


def absolute_source(spec: str, folder: Path) -> str:
    """A source of bars (`adapters.bars.open_source`) whose files are named from the root."""
    name, colon, argument = spec.partition(":")
    if name == "sql":
        return f"{name}{colon}{absolute_url(argument, folder)}"
    return f"{name}{colon}{absolute_place(argument, folder)}" if name in OF_FILES else spec


PLACES: Mapping[str, Callable[[str, Path], str]] = {
    "database_url": absolute_url,
    "mlflow_uri": absolute_url,
    "dvc_remote": absolute_place,
    "mlflow_artifacts": absolute_place,
    "lineage": absolute_place,
    "policies": absolute_place,
    "source": absolute_source,
    "listings": absolute_place,
}


def with_absolute_places(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values of settings, or of the table `[market]` among them, with the places they name in `folder`."""
    return {
        name: PLACES[name](value, folder) if name in PLACES and isinstance(value, str) else value
        for name, value in values.items()
    }
