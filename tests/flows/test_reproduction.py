"""A served number goes back to its evidence, and comes out of the versioned data again."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from evergreen.adapters.database import archive, predictions, reading, writing
from evergreen.adapters.database.predictions import Prediction
from evergreen.audit.explain import explain
from evergreen.audit.reproduce import reproduce
from evergreen.core.features import factor
from evergreen.errors import NotFound
from evergreen.service.answering import Answerer, Question
from evergreen.service.metrics import Metrics
from evergreen.service.refresh import Keeper
from evergreen.service.store import DiskStore
from evergreen.workspace import Workspace

pytestmark = pytest.mark.xdist_group("lived")


def served(at: Workspace) -> Prediction:
    """One forecast, answered by the service's own parts."""
    store, metrics = DiskStore(at.settings), Metrics()
    keeper = Keeper(store, metrics)
    keeper.look(datetime.now(UTC))
    assert keeper.snapshot is not None, keeper.alarms
    Answerer(store.write, metrics, 3, store.target).settle([Question(keeper.snapshot, "somebody", "champion", (0,))])
    with reading(at.engine) as conn:
        return predictions.find(conn, str(conn.execute(text("select id from prediction")).scalar()))


def test_reproduce__the_same_number_to_the_bit(copied: Workspace) -> None:
    compared = reproduce(copied, served(copied).id)
    assert [each.name for each in compared] == ["last close", "feature row", "forecast return", "price"]
    assert [each for each in compared if not each.same] == []


def test_reproduce__a_factor_declared_since_then_changes_nothing(copied: Workspace) -> None:
    @factor(lookback=90)
    def MOM89(bars):
        """close / ref(close, 89) - 1"""
        return bars.close / bars.close.shift(89) - 1

    prediction = served(copied)
    copied.features.factors = (MOM89,)
    assert [each for each in reproduce(copied, prediction.id) if not each.same] == []


def test_reproduce__says_which_input_differs(copied: Workspace) -> None:
    prediction = served(copied)
    with writing(copied.engine) as conn:
        conn.execute(text("drop trigger prediction_no_update"))  # as one who gets at the file may
        conn.execute(text("update prediction set feature_hash = 'another'"))
    assert [each.name for each in reproduce(copied, prediction.id) if not each.same] == ["feature row"]


def test_explain__names_model_data_run_and_decisions(copied: Workspace) -> None:
    prediction = served(copied)
    explained = dict(explain(copied, prediction.id))
    with reading(copied.engine) as conn:
        trained_on = conn.execute(
            text("select data_version from model_version where version = :v"), {"v": prediction.version}
        )
        assert str(trained_on.scalar()) in explained["trained"]
    assert {"answer", "features", "model", "run", "commit", "gate"} <= set(explained)
    assert (prediction.as_of, explained["target session"]) == ("2008-07-07", "2008-07-08")
    shutil.rmtree(copied.model_folder(prediction.version))
    assert "no longer in" in dict(explain(copied, prediction.id))["target session"]


def test_reproduce__a_number_that_the_database_let_go_of_comes_from_its_file(copied: Workspace) -> None:
    prediction, exported = served(copied), copied.settings.home / "exported"
    written = archive.export(copied.engine, exported)
    assert written is not None and archive.forget(copied.engine, written) == 1
    with pytest.raises(NotFound, match="on record"):
        reproduce(copied, prediction.id)
    assert [each for each in reproduce(copied, prediction.id, exported) if not each.same] == []
    assert dict(explain(copied, prediction.id, written.path))["answer"].startswith(
        f"{prediction.ticker} {prediction.price!r}"
    )
