"""What only some installations need: asked for before it is imported, so that its absence is a sentence."""

from __future__ import annotations

from importlib.util import find_spec

from evergreen.errors import BadSetting


def require_installed(module: str, user: str, package: str) -> None:
    """Look for `module` without importing it.

    Args:
        module: as it is imported.
        user: what needs it, as a sentence begins: "DVC cannot reach s3://bucket/data".
        package: what to install, as pip takes it; `.[extra]` for an extra of ours.

    Raises:
        BadSetting: it is not installed; says what to type.
    """
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None:
        where = " in the checkout of Evergreen" if package.startswith(".") else ""
        raise BadSetting(f"{user} without {module}.", f"Type `pip install '{package}'`{where}.")
