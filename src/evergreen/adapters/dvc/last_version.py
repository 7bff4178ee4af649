"""The bars as the last data version lists them, held against the files that are there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from evergreen.adapters.bars import parts
from evergreen.adapters.dvc.objects import Objects, md5_of
from evergreen.errors import Broken

BARS = "bars"
VERSION_LENGTH = 12  # hexadecimal digits: two of a million versions are alike once in 560 such stores
DIGEST = re.compile(r"md5: ([0-9a-f]{32}\.dir)")


@dataclass(frozen=True)
class LastVersion:
    """What was committed last of `workspace`/bars: the version, and the md5 of each of its files by name."""

    workspace: Path
    version: str
    md5s: dict[str, str]

    def require_present(self) -> None:
        """Pass if all its files are there, or in a part that was merged since.

        Raises:
            Broken: some are gone.
        """
        if gone := parts.gone(self.md5s, self.workspace / BARS):
            raise self._loss(gone, "no longer there")

    def require_whole(self, bars: Path) -> None:
        """Pass if the files of `bars`, the store or a copy of it, have the bytes that were committed.

        Raises:
            Broken: some have not.
        """
        present = [name for name in sorted(self.md5s) if (bars / name).exists()]
        if altered := [name for name in present if md5_of(bars / name) != self.md5s[name]]:
            raise self._loss(altered, "not as it was committed")

    def _loss(self, names: list[str], what: str) -> Broken:
        bars, others = self.workspace / BARS, f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        return Broken(
            f"{bars / names[0]}{others} of data version {self.version} is {what}.",
            f"Move {bars} away, then type `evergreen data checkout {self.version} {self.workspace}`.",
        )


def require_present(workspace: Path, remote: str) -> None:
    """Pass if no file that the last data version lists is gone, as far as one lists any.

    Raises:
        Broken: some are; says how they come back.
    """
    if last := last_version(workspace, remote):
        last.require_present()


def last_version(workspace: Path, remote: str) -> LastVersion | None:
    """What `workspace`/bars was committed as last; None before the first version, or where nothing here lists it."""
    pointed = pointed_to(workspace / f"{BARS}.dvc")
    if pointed is None:
        return None
    for objects in (Objects(workspace / ".dvc" / "cache"), Objects(Path(remote))):
        listing = objects.path(pointed)
        if listing.is_file() and md5_of(listing) == pointed.removesuffix(".dir"):
            md5s = {each["relpath"]: each["md5"] for each in json.loads(listing.read_text())}
            return LastVersion(workspace, pointed[:VERSION_LENGTH], md5s)
    return None


def pointed_to(pointer: Path) -> str | None:
    """The digest in a DVC file of a folder; None without one."""
    digest = DIGEST.search(pointer.read_text()) if pointer.is_file() else None
    return digest[1] if digest else None
