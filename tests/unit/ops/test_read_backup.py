"""A backup that somebody altered: whatever was put into it is named, and nothing of it is restored."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from evergreen.errors import Broken, EvergreenError, UnreadableFile
from evergreen.ops.backup import read_backup, restore
from evergreen.settings import Settings

CONTENT = b"a model"


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """One file and its manifest."""
    source = tmp_path / "backup"
    (source / "home" / "models").mkdir(parents=True)
    (source / "home" / "models" / "model.txt").write_bytes(CONTENT)
    write_manifest(source, {"home/models/model.txt": sha256(CONTENT).hexdigest()})
    return source


def write_manifest(source: Path, files: Any, **changes: Any) -> None:
    values = {"made_at": "2008-09-12", "home": "/home", "files": files, "elsewhere": []} | changes
    (source / "manifest.json").write_text(json.dumps(values))


def put_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(place))


def put_device(place: Path) -> None:
    try:
        os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero: a copy of it would fill the disk
    except PermissionError:
        pytest.skip("only root makes devices")


@pytest.mark.parametrize(
    "put",
    [
        os.mkfifo,
        put_socket,
        put_device,
        lambda place: place.symlink_to("/etc"),
        lambda place: place.symlink_to("/etc/passwd"),
        lambda place: place.symlink_to("gone"),
        lambda place: place.hardlink_to(place.with_name("model.txt")),
        lambda place: place.write_bytes(CONTENT),
    ],
    ids=["pipe", "socket", "device", "link to a folder", "link to a file", "dangling link", "hard link", "file"],
)
def test_restore__what_was_put_into_a_backup_is_named_and_nothing_is_restored(
    backup: Path, tmp_path: Path, put: Callable[[Path], None]
) -> None:
    put(backup / "home" / "models" / "x")
    with pytest.raises(Broken, match="home/models/x is"):
        restore(Settings(home=tmp_path / "new"), backup)
    assert not (tmp_path / "new").exists()


def test_restore__a_hard_link_in_a_files_place_is_judged_by_its_bytes(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "private").write_text("nobody's business")
    (backup / "home" / "models" / "model.txt").unlink()
    (backup / "home" / "models" / "model.txt").hardlink_to(tmp_path / "private")
    with pytest.raises(Broken, match=r"model.txt is not what was backed up"):
        read_backup(backup)


@pytest.mark.parametrize("path", ["/etc/hostname", "../private", "home/../../private"])
def test_restore__a_manifest_that_names_files_elsewhere_is_refused(backup: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "private").write_bytes(CONTENT)
    own = sha256(CONTENT).hexdigest()
    write_manifest(backup, {"home/models/model.txt": own, path: own})
    with pytest.raises(Broken, match="is not what was backed up"):
        read_backup(backup)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{", '{"files": {}}', "[" * 100_000, '"\\ud800"'],
    ids=["empty", "list", "null", "cut", "a part", "deep", "half a letter"],
)
def test_restore__a_manifest_that_is_none_is_said(backup: Path, text: str) -> None:
    (backup / "manifest.json").write_text(text)
    with pytest.raises(UnreadableFile, match="is no backup"):
        read_backup(backup)


@pytest.mark.parametrize("changes", [{"home": 5}, {"home": None}, {"format": "1"}, {"format": 2}, {"more": 1}])
def test_restore__a_manifest_of_other_values_is_said(backup: Path, changes: dict[str, Any]) -> None:
    write_manifest(backup, {"home/models/model.txt": sha256(CONTENT).hexdigest()}, **changes)
    with pytest.raises(EvergreenError):
        read_backup(backup)


@pytest.mark.parametrize("files", [[], None, "x", 5, {"home/models/model.txt": 5}, {"home/models/model.txt": ["x"]}])
def test_restore__a_manifest_of_other_files_is_said(backup: Path, files: Any) -> None:
    write_manifest(backup, files)
    with pytest.raises(EvergreenError):
        read_backup(backup)
