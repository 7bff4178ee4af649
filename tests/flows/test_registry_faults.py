"""The registry is away at a promotion, or has lost the champion: the row decides, and the local copy serves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from evergreen.adapters.database import decisions, reading, rollouts
from evergreen.errors import NotFound, Unavailable
from evergreen.service.store import DiskStore
from evergreen.workspace import Workspace
from tests.conftest import enter

pytestmark = pytest.mark.xdist_group("lived")
MODEL = "evergreen"


def promote(at: Workspace, version: str) -> None:
    """Change the row as a promotion does."""
    with reading(at.engine) as conn:
        row = rollouts.current(conn, MODEL)
    made = decisions.Decision(
        at=datetime(2008, 7, 8, tzinfo=UTC),
        model=MODEL,
        kind="promote",
        as_of="2008-07-07",
        subject=version,
        summary="test",
    )
    rollouts.change(at.engine, row, made, champion=version, previous_champion=row.champion)


def test_registry_away_at_a_promotion__the_row_stands_and_reconcile_mirrors_it_later(
    copied: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.reconcile import reconcile
    from tasks.models import mirror_aliases

    with reading(copied.engine) as conn:
        other = "1" if rollouts.current(conn, MODEL).champion == "2" else "2"
    monkeypatch.setenv("EVERGREEN_MLFLOW_URI", "http://127.0.0.1:9")
    away = enter(copied.settings.home, monkeypatch)
    promote(away, other)
    with pytest.raises(Unavailable, match=r"MLflow at http://127\.0\.0\.1:9 did not answer"):
        mirror_aliases.fn()
    with reading(away.engine) as conn:
        assert rollouts.current(conn, MODEL).champion == other
    assert DiskStore(away.settings).model(other).version == other
    monkeypatch.delenv("EVERGREEN_MLFLOW_URI")
    back = enter(copied.settings.home, monkeypatch)
    assert reconcile()["aliases mended"] == ["champion"]
    assert back.tracking.aliases(MODEL)["champion"] == other


def test_champions_version_deleted_in_the_registry__it_is_served_on_and_reconcile_names_it(copied: Workspace) -> None:
    from tasks.models import mirror_aliases

    with reading(copied.engine) as conn:
        champion = rollouts.current(conn, MODEL).champion
    copied.tracking._client.delete_model_version(MODEL, champion)
    assert DiskStore(copied.settings).model(champion).version == champion
    with pytest.raises(NotFound, match=f"version={champion}"):
        mirror_aliases.fn()
