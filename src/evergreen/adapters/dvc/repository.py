"""A folder as DVC has it: made, and configured with the remote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvc.repo import Repo

REMOTE = "evergreen"


@contextmanager
def opened(root: Path, remote: str, cache: Path | None = None) -> Iterator[Repo]:
    """DVC's repository at `root`, made and configured if it is not; see `prepare`."""
    from dvc.repo import Repo

    prepare(root, remote, cache)
    with Repo(str(root)) as repo:
        yield repo


def prepare(root: Path, remote: str, cache: Path | None = None) -> None:
    """Have a repository at `root` that pushes to `remote`, a folder or an URL; its cache is `cache` or its own."""
    config = root / ".dvc" / "config"
    if not config.exists():
        from dvc.repo import Repo

        Repo.init(str(root), no_scm=True, force=True).close()
    if f"url = {remote}\n" not in config.read_text(encoding="utf-8"):
        _configure(config, root, remote, cache)
        (root / ".dvcignore").write_text("/versions\n/.checkout-*\n")


def _configure(config: Path, root: Path, remote: str, cache: Path | None) -> None:
    """Our settings among those that stand; in UTF-8, which DVC reads and, when it writes itself, does not write."""
    from configobj import ConfigObj  # type: ignore[import-untyped]  # what DVC itself reads its settings with

    settings, named = ConfigObj(str(config), encoding="utf-8"), f'remote "{REMOTE}"'
    core = {
        "remote": REMOTE,
        "analytics": "false",
        "check_update": "false",
        "site_cache_dir": str(root / ".dvc/site"),
    }
    settings.setdefault("core", {}).update(core)
    settings.setdefault(named, {}).update({"url": remote, "verify": "true"})
    if cache is not None:
        settings.setdefault("cache", {})["dir"] = str(cache)
    settings.write()
