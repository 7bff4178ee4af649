"""What `up` says comes next, by what the home has."""

from __future__ import annotations

from pathlib import Path

from evergreen.ops.first_hour import AFTER_UP, UP_AGAIN, after_up
from evergreen.settings import Settings
from tests.service.world import ready_world


def test_after_up__the_history_is_asked_for_where_there_is_none(tmp_path: Path) -> None:
    assert after_up(Settings(home=tmp_path / "empty")) == AFTER_UP
    assert after_up(ready_world(tmp_path / "home").settings) == UP_AGAIN
