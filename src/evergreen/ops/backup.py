"""Everything that must not be lost, in one folder; and back into an empty place.

Databases are copied first, files after them: what a row names was on disk before the row, and stays. Bars and
features are copied while nobody writes them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from evergreen.adapters.bars.writing import LOCK, only_writer, writable
from evergreen.adapters.infra.accounts import OWN
from evergreen.adapters.infra.buckets import kind
from evergreen.adapters.infra.dumps import SQLITE, copy_sqlite, dump, load
from evergreen.adapters.mlflow.relocate import move_artifacts
from evergreen.errors import BadSetting, Broken, Conflict, UnreadableFile
from evergreen.ops.backup_checks import require_sound
from evergreen.settings import Settings
from evergreen.workspace import Workspace

MANIFEST = "manifest.json"
FORMAT = 1  # of the manifest; raised when an older Evergreen could not restore it
ONLINE = Path("features") / "online.db"
COPIED = ("models", "profiles", "calibrations", "quarantine", "reports", "keys.json", OWN)
NOT_COPIED = shutil.ignore_patterns(
    "cache", "tmp", "site", "*.lock", ".lock", LOCK, "online.db*", ".aside", ".checkout-*"
)


@dataclass(frozen=True)
class BackupContents:
    """What a backup holds: `files` by relative path with their sha256, and what is kept elsewhere."""

    made_at: str
    home: str
    files: dict[str, str]
    elsewhere: list[str]
    format: int = FORMAT


def back_up(settings: Settings, target: Path, now: datetime) -> BackupContents:
    """Copy databases, bars, data versions, features, models, artifacts and keys into the new folder `target`.

    A running stack may go on meanwhile. Not copied: caches, logs, and Prefect's history of runs.

    Raises:
        Conflict: `target` is there already.
        Broken: a file is gone or damaged, by what the home's records say of it; nothing is kept of the backup.
        Unavailable: a database did not answer, or bars were being written for a minute.
    """
    home = settings.home.resolve()
    with _whole(target) as partial:
        elsewhere = []
        for name, url in _databases(settings).items():
            dump(url, partial / name)
        with only_writer(settings.data / LOCK):
            _copy(settings.data, partial / "home" / "data")
            elsewhere += _copy_place(settings.remote, partial / "dvc-remote", "data versions")
        with Workspace(settings).features.writing():
            _copy(settings.features, partial / "home" / "features")
            if (home / ONLINE).exists():
                copy_sqlite(home / ONLINE, partial / "home" / ONLINE)
        for name in COPIED:
            _copy(home / name, partial / "home" / name)
        elsewhere += _copy_place(_artifacts(settings), partial / "mlflow-artifacts", "MLflow's artifacts")
        if "mlflow" not in _databases(settings):
            elsewhere.append(f"MLflow's records: {settings.mlflow}")
        require_sound(settings, partial)
        contents = BackupContents(now.isoformat(timespec="seconds"), str(home), _hashes(partial), elsewhere)
        (partial / MANIFEST).write_text(json.dumps(asdict(contents), indent=1))
    return contents


def restore(settings: Settings, source: Path) -> BackupContents:
    """Fill the empty home and the empty databases of `settings` from the backup `source`.

    Raises:
        UnreadableFile: `source` is no backup.
        Broken: a file of it is missing or altered; nothing was restored.
        Conflict: the home or a database is not empty.
        BadSetting: the backup holds a folder where the settings name an address.
    """
    contents = read_backup(source)
    home = settings.home.resolve()
    if home.exists() and any(home.iterdir()):
        raise Conflict(f"{home} is not empty.", "Set EVERGREEN_HOME to an empty folder, or move that one away.")
    if home.exists():
        home.rmdir()
    with _whole(home) as partial:
        beside = settings.model_copy(update={"home": partial})
        shutil.copytree(source / "home", partial, dirs_exist_ok=True)
        _copy_back(source / "dvc-remote", beside.remote, "dvc_remote")
        _copy_back(source / "mlflow-artifacts", _artifacts(beside), "mlflow_artifacts")
        for name, url in _databases(beside, source).items():
            load(source / name, url)
            if name == "mlflow" and url.startswith(SQLITE):
                move_artifacts(url, Path(contents.home), home)
    return contents


def read_backup(source: Path) -> BackupContents:
    """What the backup `source` holds, every byte of it checked.

    Raises:
        UnreadableFile: `source` is no backup.
        Broken: a file is missing, added or altered, is a link, a pipe or a device, or a newer Evergreen wrote it.
    """
    try:
        contents = _contents(json.loads((source / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError, RecursionError):
        raise UnreadableFile(f"{source} is no backup.", "Name a folder that `evergreen backup` made.") from None
    if contents.format != FORMAT:
        raise Broken(f"{source} has format {contents.format}, not {FORMAT}.", "Use the Evergreen that wrote it.")
    if others := sorted(path for path in source.rglob("*") if path.is_symlink() or not _is_plain(path)):
        what = "is a link" if others[0].is_symlink() else "is no file, no folder"
        raise Broken(f"{others[0]} {what}; a backup holds none.", "Use another backup: this one was altered.")
    present = _hashes(source)
    if differing := sorted(set(present.items()) ^ set(contents.files.items())):
        raise Broken(f"{source / differing[0][0]} is not what was backed up.", "Use another backup.")
    return contents


def _contents(values: dict[str, Any]) -> BackupContents:
    contents = BackupContents(**values)
    hashes = contents.files.values() if isinstance(contents.files, dict) else [None]
    if not all(isinstance(each, str) for each in (contents.home, *hashes)):
        raise TypeError("not what `back_up` writes")
    return contents


def _is_plain(path: Path) -> bool:
    return path.is_file() or path.is_dir()


def _databases(settings: Settings, source: Path | None = None) -> dict[str, str]:
    """By name in a backup; MLflow's only where its database is known, or is in the backup `source`."""
    own = f"{SQLITE}{settings.home.resolve() / 'mlflow.db'}"
    mlflow = settings.mlflow_database or (settings.mlflow if settings.mlflow.startswith(SQLITE) else own)
    databases = {"evergreen": settings.database, "mlflow": mlflow}
    if source is not None:
        return {name: url for name, url in databases.items() if (source / name).exists()}
    known = settings.mlflow_database or Path(mlflow.removeprefix(SQLITE)).exists()
    return databases if known else {"evergreen": settings.database}


def _artifacts(settings: Settings) -> str:
    return settings.mlflow_artifacts or str(settings.home.resolve() / "mlflow-artifacts")


def _copy_place(place: str, target: Path, what: str) -> list[str]:
    """Copy a folder; an address is somebody else's to back up, and is told."""
    if kind(place):
        return [f"{what}: {place}"]
    _copy(Path(place), target)
    return []


def _copy_back(source: Path, place: str, setting: str) -> None:
    """Restore a folder; what stayed at an address is still there."""
    if source.exists() and kind(place):
        raise BadSetting(f"The backup holds a folder for {place}.", f"Set {setting} to a folder, then move it up.")
    _copy(source, Path(place))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        with writable(target):
            shutil.copytree(source, target, ignore=NOT_COPIED, dirs_exist_ok=True)
    elif source.exists():
        with writable(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its place at the end; what an exception leaves is removed."""
    if target.exists():
        raise Conflict(f"{target} is there already.", "Name a new folder.")
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with writable(partial):
        partial.mkdir(parents=True)
    try:
        yield partial
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
