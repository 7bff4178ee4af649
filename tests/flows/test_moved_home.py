"""A home moved to another folder goes on there: models come back, numbers are reproduced, sessions are processed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from evergreen.adapters.database import ledger, reading
from evergreen.adapters.mlflow.relocate import move_artifacts
from evergreen.audit.reproduce import reproduce
from evergreen.core.bars.session import iso
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.flows.conftest import TICKERS
from tests.flows.test_reproduction import served

pytestmark = pytest.mark.xdist_group("lived")


def test_home__that_was_moved_goes_on_where_it_is(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.clock import now_at
    from flows.daily import process_session
    from flows.reconcile import reconcile

    first, then = tmp_path / "first" / "home", tmp_path / "zweites Zuhause, für später" / ".evergreen"
    shutil.copytree(lived, first)
    move_artifacts(f"sqlite:///{first / 'mlflow.db'}", lived.resolve(), first.resolve())
    then.parent.mkdir()
    first.rename(then)
    at = enter(then, monkeypatch)
    shutil.rmtree(at.settings.models)  # the verified copies: what serves comes out of MLflow again
    reconcile()
    assert [each for each in reproduce(at, served(at).id) if not each.same] == []
    session = at.calendar.next(pd.Timestamp(ledger_clock(at)))
    process_session("sample", TICKERS, session, now_at(session, at))
    assert ledger_clock(at) == iso(session)
    assert not first.exists()


def ledger_clock(at: Workspace) -> str:
    """The session the home stands at."""
    with reading(at.engine) as conn:
        return str(ledger.clock(conn, at.settings.model_name))
