"""Bars that were lost are said, with what brings them back, wherever they would be read, added to or copied."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from evergreen.core.bars.calendar import Calendar
from evergreen.core.market import simulate
from evergreen.errors import BadInput, Broken
from evergreen.market_data.delivery import Order
from evergreen.market_data.ingest import ingest, record_snapshot
from evergreen.market_data.restatement_impact import bars_at
from evergreen.ops.backup import back_up
from evergreen.ops.doctor import examine
from evergreen.workspace import Workspace
from tests.unit.conftest import Vendor

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2007-11-01"), pd.Timestamp("2008-03-31"))
BARS = simulate(2, DAYS, seed=4).assign(factor=1.0)
HISTORY = 60  # sessions loaded at once: of two years, so two files


class Stored:
    """A home with a history and two sessions after it, each with its data version."""

    def __init__(self, at: Workspace, vendor: Vendor) -> None:
        self.settings, self.source = at.settings, vendor.spec
        vendor.tells(BARS)
        self.versions = [self.deliver(0, HISTORY, history=True), *(self.deliver(day, day) for day in (61, 62))]

    @property
    def at(self) -> Workspace:
        """As the next process opens it."""
        return Workspace(self.settings)

    @property
    def bars(self) -> Path:
        return self.settings.data / "bars"

    def deliver(self, first: int, last: int, history: bool = False) -> str:
        now = Calendar("XNYS").close(DAYS[last]).to_pydatetime() + timedelta(minutes=30)
        ingest(self.at, Order(self.source, ("S0", "S1"), DAYS[first], DAYS[last], history), now)
        return record_snapshot(self.at, str(DAYS[last].date()), self.source, 0, {}, now)

    def check(self, name: str) -> str:
        return next(f"{check.sound} {check.sentence}" for check in examine(self.settings) if check.name == name)

    def back_up(self, target: Path) -> int:
        return len(back_up(self.settings, target, DAYS[-1].to_pydatetime()).files)


@pytest.fixture
def stored(home: Workspace, vendor: Vendor) -> Stored:
    return Stored(home, vendor)


@pytest.mark.parametrize("lost", ["year=2007.parquet", "part-000001-000001*.parquet", "*.parquet"])
def test_store__files_that_are_gone_are_said_and_come_back(stored: Stored, tmp_path: Path, lost: str) -> None:
    before = bars_at(stored.at, "now")
    for file in stored.bars.glob(lost):
        file.unlink()
    with pytest.raises(Broken, match=rf"is no longer there\. Move .* checkout {stored.versions[-1]} "):
        bars_at(stored.at, "now")
    with pytest.raises(Broken, match="is no longer there"):
        stored.deliver(63, 63)
    with pytest.raises(Broken, match="is no longer there"):
        stored.back_up(tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    assert stored.check("bars").startswith("False") and "is no longer there" in stored.check("bars")
    stored.bars.rename(tmp_path / "away")
    stored.at.snapshots.checkout(stored.versions[-1], stored.settings.data)
    pd.testing.assert_frame_equal(bars_at(stored.at, "now"), before)
    assert stored.back_up(tmp_path / "kept") > 0


def test_store__parts_that_were_merged_are_no_loss(stored: Stored) -> None:
    for day in range(63, len(DAYS)):
        ingest_only(stored, day)
    assert not any("part-000001-000001" in file.name for file in stored.bars.iterdir())
    assert len(bars_at(stored.at, "now")) == len(BARS)


def ingest_only(stored: Stored, day: int) -> None:
    """Bars without their data version, as when the remote does not answer."""
    now = Calendar("XNYS").close(DAYS[day]).to_pydatetime() + timedelta(minutes=30)
    ingest(stored.at, Order(stored.source, ("S0", "S1"), DAYS[day], DAYS[day]), now)


def test_store__a_whole_data_folder_that_is_gone_is_said_where_the_database_knows_of_it(
    stored: Stored, tmp_path: Path
) -> None:
    shutil.rmtree(stored.settings.data)
    sentence = f"holds no bars, and data version {stored.versions[-1]} is on record"
    with pytest.raises(Broken, match=sentence):
        bars_at(stored.at, "now")
    with pytest.raises(Broken, match=sentence):
        stored.deliver(63, 63)
    with pytest.raises(Broken, match=sentence):
        stored.back_up(tmp_path / "kept")
    assert sentence in stored.check("bars")
    stored.deliver(0, HISTORY, history=True)
    assert len(bars_at(stored.at, "now")) == 2 * (HISTORY + 1)


@pytest.mark.parametrize("keep", [9, -9])
def test_backup__copies_no_damaged_bars(stored: Stored, tmp_path: Path, keep: int) -> None:
    """Cut short, the file has no end; with one bit flipped it may still be read."""
    file = stored.bars / "year=2007.parquet"
    content = bytearray(file.read_bytes())
    if keep > 0:
        file.write_bytes(content[:keep])
    else:
        content[len(content) // 3] ^= 1
        file.write_bytes(content)
    sentence = rf"year=2007.parquet of data version {stored.versions[-1]} is not as it was committed"
    with pytest.raises(Broken, match=sentence):
        stored.back_up(tmp_path / "kept")
    assert not (tmp_path / "kept").exists() and "not as it was committed" in stored.check("bars")


def test_backup__copies_no_damaged_data_version(stored: Stored, tmp_path: Path) -> None:
    listed = max((Path(stored.settings.remote) / "files").rglob("*.dir"), key=lambda path: path.stat().st_size)
    listed.chmod(0o644)
    listed.write_text(listed.read_text()[:-1])
    with pytest.raises(Broken, match=rf"{listed.name} is not what its name says\. Remove it"):
        stored.back_up(tmp_path / "kept")
    listed.unlink()
    stored.deliver(63, 63)
    assert stored.back_up(tmp_path / "kept") > 0


def test_checkout__into_the_store_itself_takes_the_last_version_alone(stored: Stored, tmp_path: Path) -> None:
    first, *_, last = stored.versions
    stored.bars.rename(tmp_path / "away")
    with pytest.raises(BadInput, match=rf"is the store, whose version is {last}\. Name another folder"):
        stored.at.snapshots.checkout(first, stored.settings.data)
    assert not stored.bars.exists()
    (tmp_path / "used" / "bars").mkdir(parents=True)
    with pytest.raises(BadInput, match="holds other bars"):
        stored.at.snapshots.checkout(first, tmp_path / "used")
    assert list((tmp_path / "used").rglob("*")) == [tmp_path / "used" / "bars"]
