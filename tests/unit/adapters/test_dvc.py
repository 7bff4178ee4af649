from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from dvc.repo import Repo

from evergreen.adapters.bars import BarStore
from evergreen.adapters.dvc import RemoteMended, Snapshots
from evergreen.adapters.dvc.objects import md5_of
from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate
from evergreen.errors import BadInput, Broken, NoBars, NotFound, Unavailable

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2007-12-03"), pd.Timestamp("2008-01-31"))
BARS = simulate(3, DAYS, seed=1)
NOW = pd.Timestamp("2008-02-01", tz="UTC")


class Place:
    """A store with its snapshots, holding all but the last session."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = BarStore(root / "data", Calendar("XNYS"))
        self.store.append(BARS[BARS["session"] < DAYS[-1]], NOW, "test")
        self.snapshots = Snapshots(root / "data", str(root / "remote"))

    def grow(self) -> None:
        self.store.append(BARS, NOW + pd.Timedelta(hours=1), "test")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def damage(objects: Path) -> None:
    """Flip one bit in each stored file, as a failing disk would: time and rights stay."""
    for path in (path for path in objects.rglob("*") if path.is_file() and path.suffix != ".dir"):
        mode, content = path.stat().st_mode, bytearray(path.read_bytes())
        content[9] ^= 1
        path.chmod(0o644)
        path.write_bytes(content)
        path.chmod(mode)


def test_commit__gives_equal_bars_one_version_and_changed_bars_another(
    place: Place, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = place.snapshots.commit()
    assert place.snapshots.commit() == first and len(first) == 12
    assert Place(tmp_path / "elsewhere").snapshots.commit() == first
    place.grow()
    second = place.snapshots.commit()
    assert place.snapshots.versions() == [first, second]
    assert capfd.readouterr() == ("", "")


def test_checkout__brings_back_any_version_beside_the_store(place: Place, tmp_path: Path) -> None:
    before = place.store.content_hash()
    first = place.snapshots.commit()
    place.grow()
    place.snapshots.commit()
    for _ in range(2):
        old = BarStore(place.snapshots.checkout(first, tmp_path / "old"), Calendar("XNYS"))
    assert old.content_hash() == before and old.last_session() == DAYS[-2]
    assert place.store.last_session() == DAYS[-1]
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["bars"]


def test_checkout__takes_the_remote_when_the_cache_is_damaged_or_gone(place: Place, tmp_path: Path) -> None:
    version, before = place.snapshots.commit(), place.store.content_hash()
    damage(place.root / "data" / ".dvc" / "cache")
    checked_out = place.snapshots.checkout(version, tmp_path / "a")
    assert BarStore(checked_out, Calendar("XNYS")).content_hash() == before
    (place.root / "data" / ".dvc").rename(tmp_path / "lost")
    checked_out = place.snapshots.checkout(version, tmp_path / "b")
    assert BarStore(checked_out, Calendar("XNYS")).content_hash() == before


def test_checkout__of_what_is_damaged_everywhere_is_broken_and_leaves_nothing(place: Place, tmp_path: Path) -> None:
    version = place.snapshots.commit()
    damage(place.root / "data" / ".dvc" / "cache")
    damage(place.root / "remote")
    with pytest.raises(Broken, match=f"version {version} is damaged or missing"):
        place.snapshots.checkout(version, tmp_path / "old")
    assert list((tmp_path / "old").iterdir()) == []


def test_mend_remote__an_emptied_remote_gets_every_version_again(place: Place, tmp_path: Path) -> None:
    first = place.snapshots.commit()
    place.grow()
    versions = [first, place.snapshots.commit()]
    assert place.snapshots.mend_remote(versions).sentence == ""
    shutil.rmtree(tmp_path / "remote")
    mended = place.snapshots.mend_remote(versions)
    assert mended == RemoteMended(tuple(versions), ())
    assert "2 data versions" in mended.sentence
    shutil.rmtree(place.root / "data" / ".dvc" / "cache")
    for version in versions:
        assert (place.snapshots.checkout(version, tmp_path / version) / "bars").is_dir()


def test_mend_remote__what_the_cache_lost_too_is_named(place: Place, tmp_path: Path) -> None:
    first = place.snapshots.commit()
    place.grow()
    second = place.snapshots.commit()
    (pointer,) = (place.root / "data" / "versions").glob(f"{first}.dvc")
    digest = re.search(r"md5: ([0-9a-f]{32}.dir)", pointer.read_text()) or pytest.fail("no digest")
    for folder in ("remote", "data/.dvc/cache"):
        (place.root / folder / "files" / "md5" / digest[1][:2] / digest[1][2:]).unlink()
    mended = place.snapshots.mend_remote([first, second])
    assert mended == RemoteMended((), (first,))
    assert f"Lost there and here: {first}" in mended.sentence


def test_checkout__never_overwrites_other_bars(place: Place) -> None:
    version = place.snapshots.commit()
    place.grow()
    with pytest.raises(BadInput, match="holds other bars"):
        place.snapshots.checkout(version, place.root / "data")


def test_snapshots__name_what_is_not_there(place: Place, tmp_path: Path) -> None:
    with pytest.raises(NoBars, match="holds no bars"):
        Snapshots(tmp_path / "nothing", str(tmp_path / "remote")).commit()
    for version in ("0123456789ab", "../bars", ""):
        with pytest.raises(NotFound, match="no data version"):
            place.snapshots.checkout(version, tmp_path / "old")


def test_commit__that_the_remote_refuses_leaves_no_version(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = Snapshots(place.root / "data", str(tmp_path / "file"))
    with pytest.raises(Unavailable, match="no snapshot was taken"):
        refused.commit()
    assert refused.versions() == []
    assert place.snapshots.commit() in place.snapshots.versions()


KILLED = """
import os, signal, sys
from pathlib import Path
from evergreen.adapters.dvc import repository
from evergreen.adapters.dvc.objects import Objects
from evergreen.adapters.dvc.snapshots import Snapshots

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

for holder, step in ((repository, "_configure"), (Objects, "put"), (Objects, "send"), (Snapshots, "_point")):
    child = os.fork()
    if child == 0:
        setattr(holder, step, die)
        root = Path(sys.argv[1]) / step
        Snapshots(root / "data", str(root / "remote")).commit()
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
"""


def test_commit__what_a_killed_push_left_half_written_on_the_remote_is_pushed_again(place: Place) -> None:
    place.snapshots.commit()
    objects = sorted(path for path in (place.root / "remote").rglob("*") if path.is_file())
    whole = [path.read_bytes() for path in objects]
    for path in objects:
        path.chmod(0o644)
        path.write_bytes(b"")
    place.snapshots.commit()
    assert len(objects) > 1 and [path.read_bytes() for path in objects] == whole


def test_commit__is_what_dvc_itself_would_write(place: Place, tmp_path: Path) -> None:
    place.snapshots.commit()
    shutil.copytree(place.store.folder, tmp_path / "theirs" / "bars")
    Repo.init(str(tmp_path / "theirs"), no_scm=True).close()
    with Repo(str(tmp_path / "theirs")) as repo:
        repo.add([str(tmp_path / "theirs" / "bars")])
    assert (tmp_path / "theirs" / "bars.dvc").read_text() == (place.root / "data" / "bars.dvc").read_text()
    for folder in (place.root / "data" / ".dvc" / "cache", place.root / "remote"):
        assert objects(folder) == objects(tmp_path / "theirs" / ".dvc" / "cache")
    with Repo(str(place.root / "data")) as repo:
        assert repo.status() == {} and repo.status(cloud=True) == {}


def objects(root: Path) -> dict[str, bytes]:
    """Every object below a cache or a remote."""
    return {path.parent.name + path.name: path.read_bytes() for path in (root / "files" / "md5").glob("*/*")}


def test_commit__writes_what_is_new_and_a_listing_and_hashes_nothing_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.snapshots.commit()
    before = objects(place.root / "remote")
    hashed: list[str] = []
    monkeypatch.setattr("evergreen.adapters.dvc.objects.md5_of", lambda path: hashed.append(path.name) or md5_of(path))
    place.grow()
    place.snapshots.commit()
    (part,) = place.store.folder.glob("part-*")
    assert hashed == [part.name]
    assert len(objects(place.root / "remote").keys() - before.keys()) == 2
    (place.root / "data" / ".dvc" / "tmp" / "hashed.json").write_text("{")
    assert place.snapshots.commit() == place.snapshots.versions()[-1] and len(hashed) == 4


@pytest.mark.faults
def test_commit__killed_at_any_step_ends_alike_when_run_again(tmp_path: Path) -> None:
    calm = Place(tmp_path / "calm").snapshots.commit()
    places = [Place(tmp_path / step) for step in ("_configure", "put", "send", "_point")]
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=True)
    for place in places:
        assert place.snapshots.versions() == []
        assert place.snapshots.commit() == calm
        checked_out = place.snapshots.checkout(calm, place.root / "old")
        assert BarStore(checked_out, Calendar("XNYS")).last_session() == DAYS[-2]
