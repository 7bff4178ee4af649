"""Versions of the bar store: DVC snapshots with a remote, verified on the way out."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dvc.exceptions import DvcException

from evergreen.adapters.bars.writing import LOCK, only_writer, replace, writable
from evergreen.adapters.dvc.last_version import BARS, VERSION_LENGTH, pointed_to
from evergreen.adapters.dvc.objects import Objects, VersionContents, list_folder, md5_of
from evergreen.adapters.dvc.repository import REMOTE, opened, prepare
from evergreen.adapters.infra.buckets import kind, look_at_bucket, require_dvc_plugin, silences
from evergreen.errors import BadInput, Broken, NoBars, NotFound, Unavailable

for _noisy in ("dvc", "dvc_data", "dvc_objects"):
    logging.getLogger(_noisy).setLevel(logging.CRITICAL)  # what they would say is in the errors raised here


@dataclass(frozen=True)
class RemoteMended:
    """Versions that the remote had lost: `pushed` again, or `lost`, because the cache has them no longer either."""

    pushed: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What a person should know; empty when nothing was missing."""
        sentences = []
        if self.pushed:
            sentences.append(f"The remote had lost {len(self.pushed)} data versions, pushed again from the cache.")
        if self.lost:
            sentences.append(f"Lost there and here: {', '.join(self.lost)}. Restore a backup of the remote.")
        return " ".join(sentences)


class Snapshots:
    """DVC snapshots of `workspace`/bars, pushed to `remote` (a folder or any URL DVC knows).

    A version is the first 12 characters of the folder's md5 in DVC; its pointer, an ordinary DVC file, is
    kept as `workspace`/versions/VERSION.dvc. Raises BadSetting when DVC lacks the plugin for such a remote.
    """

    def __init__(self, workspace: Path, remote: str) -> None:
        self.workspace = Path(workspace).resolve()
        require_dvc_plugin(remote)
        self.remote = remote if kind(remote) else str(Path(remote).resolve())

    def commit(self) -> str:
        """Add the bars as they are, push them, and return their version; equal bars have one version.

        Raises:
            NoBars: there is nothing to take a snapshot of.
            Unavailable: the remote did not take it, or another process is writing; nothing is on record then.
            BadSetting: the workspace cannot be written.
        """
        bars = self.workspace / BARS
        if not any(bars.glob("*.parquet")):
            raise NoBars(f"{bars} holds no bars to take a snapshot of.", "Ingest some first.")
        with only_writer(self.workspace / LOCK):
            with self._talking():
                listing = self._add(bars)
                self._push(listing)
            version = listing.digest[:VERSION_LENGTH]
            if not self._pointer(version).exists():
                self._point(self._pointer(version), listing)
        return version

    def _add(self, bars: Path) -> VersionContents:
        """What `dvc add` does: the bars in the cache, and `bars.dvc` that points to them."""
        prepare(self.workspace, self.remote)
        listing = list_folder(bars, self.workspace / ".dvc" / "tmp" / "hashed.json")
        self._cache.add(bars, listing)
        self._point(self.workspace / f"{BARS}.dvc", listing)
        return listing

    def _push(self, listing: VersionContents) -> None:
        """What `dvc push` does; to a bucket it is DVC that does it."""
        if not kind(self.remote):
            return self._cache.send(listing, Objects(Path(self.remote)))
        with opened(self.workspace, self.remote) as repo:
            repo.push(remote=REMOTE)

    @property
    def _cache(self) -> Objects:
        return Objects(self.workspace / ".dvc" / "cache")

    def _point(self, pointer: Path, listing: VersionContents) -> None:
        replace(pointer, lambda draft: _write(draft, listing.pointer(BARS).encode()), self.workspace / ".aside")

    def mend_remote(self, versions: Iterable[str]) -> RemoteMended:
        """Push again those of `versions` that the remote has no longer, from the local cache.

        A remote that was emptied gets only the newest version with the next commit: the older ones would die with
        the cache.

        Raises:
            Unavailable: the remote did not answer, or another process is writing.
        """
        with only_writer(self.workspace / LOCK), self._talking():
            digests = {version: self._digest(version) for version in versions if self._pointer(version).exists()}
            with opened(self.workspace, self.remote) as repo:
                present = set(repo.cloud.get_remote_odb(REMOTE).oids_exist(list(digests.values())))
            gone = [version for version, digest in digests.items() if digest not in present]
            pushed = [version for version in gone if self._pushed(version, digests[version])]
        return RemoteMended(tuple(pushed), tuple(version for version in gone if version not in pushed))

    def _pushed(self, version: str, digest: str) -> bool:
        """Check a version out of the cache, every byte, and push it; False when the cache has it not whole."""
        with TemporaryDirectory(prefix=".checkout-", dir=self.workspace) as folder:
            scratch = Path(folder)
            shutil.copyfile(self._pointer(version), scratch / f"{BARS}.dvc")
            with opened(scratch, self.remote, self.workspace / ".dvc" / "cache") as repo:
                try:
                    repo.checkout()
                except DvcException:
                    return False
                if tree_digest(scratch / BARS) != digest:
                    return False
                repo.push(remote=REMOTE)
        return True

    def versions(self) -> list[str]:
        """Every version on record, oldest first."""
        pointers = (self.workspace / "versions").glob("*.dvc")
        return [path.stem for path in sorted(pointers, key=lambda path: (path.stat().st_mtime_ns, path.stem))]

    def checkout(self, version: str, target: Path) -> Path:
        """Put the bars of `version` into `target`/bars and return `target`, which a `BarStore` can read.

        Every byte is hashed again and held against the version: from the local cache if that is sound, else
        from the remote. Repeated, it verifies and changes nothing.

        Raises:
            NotFound: no such version.
            Broken: neither cache nor remote has it whole.
            Unavailable: the cache has it not, and the remote does not answer.
            BadInput: `target` holds other bars, or is the store itself, which only the last version brings back.
        """
        digest = self._digest(version)
        bars = Path(target) / BARS
        if bars.resolve() == self.workspace / BARS:
            self._require_last(digest)
        if bars.exists():
            if tree_digest(bars) != digest:
                raise BadInput(f"{bars} holds other bars than version {version}.", "Name another folder.")
            return Path(target)
        with writable(bars):
            bars.parent.mkdir(parents=True, exist_ok=True)
        if not self._pulled(version, digest, bars, cached=True):
            look_at_bucket(self.remote)
        if not bars.exists() and not self._pulled(version, digest, bars, cached=False):
            raise Broken(
                f"version {version} is damaged or missing in the cache and in {self.remote}.",
                "Restore the remote from a backup, then check out again.",
            )
        return Path(target)

    def _require_last(self, digest: str) -> None:
        """An earlier version in the store's place would take back what the records tell of since."""
        last = pointed_to(self.workspace / f"{BARS}.dvc")
        if last is not None and last != digest:
            last = last[:VERSION_LENGTH]
            raise BadInput(f"{self.workspace} is the store, whose version is {last}.", "Name another folder.")

    def _pulled(self, version: str, digest: str, bars: Path, cached: bool) -> bool:
        """Pull into a folder of its own, verify, and move it to `bars`; False when it is not whole."""
        with TemporaryDirectory(prefix=".checkout-", dir=bars.parent) as folder:
            scratch = Path(folder)
            shutil.copyfile(self._pointer(version), scratch / f"{BARS}.dvc")
            try:
                with opened(scratch, self.remote, self.workspace / ".dvc" / "cache" if cached else None) as repo:
                    repo.pull(remote=REMOTE)
            except (DvcException, OSError, *silences(self.remote)):
                return False
            if tree_digest(scratch / BARS) != digest:
                return False
            (scratch / BARS).replace(bars)
        return True

    def _pointer(self, version: str) -> Path:
        return self.workspace / "versions" / f"{version}.dvc"

    def _digest(self, version: str) -> str:
        if version not in self.versions():
            raise NotFound(f"there is no data version {version!r}.", "`evergreen data log` lists them.")
        pointed = pointed_to(self._pointer(version))
        if pointed is None or not pointed.startswith(version):
            raise Broken(f"{self._pointer(version)} does not point to version {version}.", "Restore the file.")
        return pointed

    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except (DvcException, OSError, *silences(self.remote)) as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise Unavailable(
                f"no snapshot was taken in {self.workspace} (remote {self.remote}): {reason}.",
                "The bars are safe; mend the place and run again.",
            ) from None


def tree_digest(folder: Path) -> str:
    """The md5 that DVC gives a folder, every byte of it read."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    md5s = {path.relative_to(folder).as_posix(): md5_of(path) for path in files}
    return VersionContents(md5s, 0).digest


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
