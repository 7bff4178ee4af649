"""DVC's objects as DVC lays them out, written without its indexes, which cost 20 kB a file at each version."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from evergreen.adapters.bars.writing import sync

READ_ONLY = 0o444  # by which DVC knows an object that nobody changed


@dataclass(frozen=True)
class VersionContents:
    """What a version holds: the md5 of each file by its path, and their size together in bytes."""

    md5s: dict[str, str]
    size: int

    @property
    def text(self) -> str:
        """As DVC writes it."""
        return json.dumps([{"md5": self.md5s[path], "relpath": path} for path in sorted(self.md5s)], sort_keys=True)

    @property
    def digest(self) -> str:
        """The md5 that DVC gives the folder, with its mark `.dir`."""
        return hashlib.md5(self.text.encode()).hexdigest() + ".dir"

    def pointer(self, name: str) -> str:
        """The DVC file of a folder called `name` that holds this."""
        return (
            f"outs:\n- md5: {self.digest}\n  size: {self.size}\n  nfiles: {len(self.md5s)}\n"
            f"  hash: md5\n  path: {name}\n"
        )


def list_folder(folder: Path, memory: Path) -> VersionContents:
    """The files of `folder`; hashed are those that changed since `memory` was written: another size, time or inode.

    `memory` is a JSON file of a mark and a md5 for each path, written anew where anything changed.
    """
    before = _remembered(memory)
    now, size = {}, 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        status = path.stat()
        name, mark = path.relative_to(folder).as_posix(), f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
        known = before.get(name, ["", ""])
        now[name] = known if known[0] == mark else [mark, md5_of(path)]
        size += status.st_size
    if now != before:
        memory.parent.mkdir(parents=True, exist_ok=True)
        draft = memory.with_suffix(".draft")
        draft.write_text(json.dumps(now))
        draft.replace(memory)
    return VersionContents({name: md5 for name, (_, md5) in now.items()}, size)


def _remembered(memory: Path) -> dict[str, list[str]]:
    try:
        marks: dict[str, list[str]] = json.loads(memory.read_text())
    except (FileNotFoundError, ValueError):  # it saves time and no more: what is not remembered is hashed
        return {}
    return marks


def md5_of(path: Path) -> str:
    """Of all its bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


class Objects:
    """A folder of DVC's objects: its cache, or a remote. Each is there whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: str) -> Path:
        """Where an object lies."""
        return self.root / "files" / "md5" / digest[:2] / digest[2:]

    def damaged(self) -> list[Path]:
        """Objects whose bytes are not those of their name, below `root`."""
        files = [path for path in sorted((self.root / "files" / "md5").glob("??/*")) if path.is_file()]
        wrong = [path for path in files if md5_of(path) != (path.parent.name + path.name).removesuffix(".dir")]
        return [path.relative_to(self.root) for path in wrong]

    def put(self, digest: str, source: Path) -> None:
        """Have the bytes of `source` under `digest`; what has their length already is taken for them.

        What a process killed by half left here, versions before this one that is, has not.
        """
        target = self.path(digest)
        if target.exists() and target.stat().st_size == source.stat().st_size:
            return
        draft = self.root / ".aside" / digest
        for folder in (draft.parent, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        shutil.copyfile(source, draft)
        sync(draft)
        draft.chmod(READ_ONLY)
        draft.replace(target)
        sync(target.parent)

    def add(self, folder: Path, listing: VersionContents) -> None:
        """Keep the files of `folder`, then their listing."""
        for name, md5 in listing.md5s.items():
            self.put(md5, folder / name)
        draft = self.root / ".aside" / "listing"
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(listing.text)
        self.put(listing.digest, draft)

    def send(self, listing: VersionContents, there: Objects) -> None:
        """Put all that a version is of into another folder of objects, its listing last."""
        for digest in (*listing.md5s.values(), listing.digest):
            there.put(digest, self.path(digest))
