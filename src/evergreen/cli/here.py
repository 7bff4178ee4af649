"""The settings of this process, read when a command needs them: checking them costs as much as an empty command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.settings import Settings


def load_settings() -> Settings:
    """Settings from `evergreen.toml` and the environment.

    Raises:
        BadSetting: an unknown name or an unusable value, with where it came from.
    """
    from evergreen.settings import load_settings as read

    return read()
