"""A model that runs elsewhere: its file of forecasts challenges, is read again each session, and answers clients."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.database import decisions, evidence, ledger, reading, requests, rollouts
from evergreen.adapters.models.folder import read_manifest, read_oos
from evergreen.audit.explain import explain
from evergreen.audit.reproduce import reproduce
from evergreen.core.canary import CanaryRecord
from evergreen.core.dataset.labels import forward_return
from evergreen.errors import BadInput, EvergreenError, Unavailable, UnreadableFile
from evergreen.research.given_models import log_delivery
from evergreen.service.app import create_app
from evergreen.service.deps import Service
from evergreen.workspace import Workspace
from tests.flows.conftest import TICKERS
from tests.flows.test_onnx import _challenge, _serve
from tests.flows.test_reproduction import served

pytestmark = pytest.mark.xdist_group("lived")
MODEL = "evergreen"
FIRST, NEXT = "2004-01-02", pd.Timestamp("2008-07-08")
DELIVERED = {"AAPL": 0.00125, "IBM": 0.00225, "GOOG": 0.00325}
SKILL = 0.10  # of the outcome, to which it adds as much noise of its own


@pytest.fixture
def table(copied: Workspace) -> pd.DataFrame:
    """Forecasts with some skill for every bar from `FIRST` on, known an hour after the close."""
    bars = copied.bars.as_of()
    labels = forward_return(bars).loc[lambda each: each.index.get_level_values("session") >= FIRST].fillna(0.0)
    noise = np.random.default_rng(1).normal(0, float(labels.std()), len(labels))
    forecasts = SKILL * (labels + noise)
    rows = forecasts.rename("forecast").reset_index()
    closes = copied.calendar.closes(pd.DatetimeIndex(rows["session"]))
    return rows.assign(known_at=(closes + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"))


@pytest.fixture
def file(table: pd.DataFrame, tmp_path: Path) -> Path:
    """They as CSV, one of them late and one without a number."""
    spoilt = table.copy()
    spoilt.loc[40, "known_at"] = "2008-07-01T12:00:00Z"
    spoilt.loc[41, "forecast"] = np.nan
    spoilt.to_csv(path := tmp_path / "mine.csv", index=False)
    return path


def _walk(at: Workspace, session: pd.Timestamp) -> None:
    from flows.clock import now_at
    from flows.daily import process_session

    process_session("sample", TICKERS, session, now_at(session, at))


def _deliver(file: Path, session: pd.Timestamp, tickers: list[str]) -> None:
    """What the sender adds for a session; it claims to have known it long before."""
    more = [f"{ticker},{session:%Y-%m-%d},{DELIVERED[ticker]},2008-01-01T00:00:00Z" for ticker in tickers]
    file.write_text(file.read_text() + "\n".join(more) + "\n")


def test_delivered_forecasts__pass_the_gate_are_read_again_served_explained_and_reproduced(
    copied: Workspace, file: Path
) -> None:
    run_id, arrivals = log_delivery(copied, str(file), 1, 3)
    assert (arrivals.late, arrivals.not_finite, arrivals.missing) == (1, 1, 2)
    became = _challenge(copied, run_id)
    manifest, record = read_manifest(copied.model_folder("3")), read_oos(copied.model_folder("3"))
    assert (manifest.kind, manifest.metrics["forecasts_late"]) == ("forecasts", 1.0)
    assert record["session"].min() >= pd.Timestamp(FIRST)
    with reading(copied.engine) as conn:
        assert requests.recent(conn, MODEL)[0].state == "done", became
        (gate,) = [each for each in decisions.of(conn, "3") if each.kind == "gate"]
        rollout = rollouts.current(conn, MODEL)
    assert gate.evidence["place"]["number"] == 4 and "look-ahead" not in gate.summary
    _serve(copied, rollout)
    _deliver(file, NEXT, ["AAPL", "IBM", "GOOG"])
    _walk(copied, NEXT)
    with reading(copied.engine) as conn:
        arrived = evidence.forecasts(conn, "3", NEXT).set_index("ticker")
    assert arrived["value"].to_dict() == {name: float(np.float32(DELIVERED[name])) for name in ("AAPL", "GOOG", "IBM")}
    assert (arrived["made_at"] > copied.calendar.close(NEXT)).all()  # seen by us, whatever was claimed
    prediction = served(copied)
    assert (prediction.version, prediction.ticker, prediction.as_of) == ("3", "AAPL", "2008-07-08")
    assert prediction.forecast == float(np.float32(DELIVERED["AAPL"]))
    assert [each for each in reproduce(copied, prediction.id) if not each.same] == []
    assert f"by {file}, arrived 2008-07-08" in dict(explain(copied, prediction.id))["delivered"]


async def _answers(service: Service, tickers: tuple[str, ...]) -> tuple[list[bytes], dict[str, EvergreenError]]:
    service.commits.start()
    answered = await service.predict_many("somebody", tickers)
    await service.commits.close()
    return answered


def test_delivered_forecasts__what_did_not_come_is_said_and_what_comes_late_is_not_taken(
    copied: Workspace, file: Path
) -> None:
    from tasks.forecasts import take_deliveries

    _challenge(copied, log_delivery(copied, str(file), 1, 1)[0])
    with reading(copied.engine) as conn:
        _serve(copied, rollouts.current(conn, MODEL))
    _deliver(file, NEXT, ["AAPL"])
    _walk(copied, NEXT)
    service = create_app(copied.settings).state.service
    service.keeper.look(datetime.now(UTC))
    before = service.snapshot
    answers, refusals = asyncio.run(_answers(service, ("AAPL", "IBM")))
    assert (len(answers), list(refusals)) == (1, ["IBM"]) and isinstance(refusals["IBM"], Unavailable)
    assert "No forecast of 'IBM' for 2008-07-08 was delivered to version 3" in str(refusals["IBM"])
    _deliver(file, NEXT, ["IBM"])
    opening = copied.calendar.next_opens(pd.DatetimeIndex([NEXT]))[0]
    assert take_deliveries.fn(NEXT, opening) == ["3"]
    with reading(copied.engine) as conn:
        assert list(evidence.forecasts(conn, "3", NEXT)["ticker"]) == ["AAPL"]
    take_deliveries.fn(NEXT, opening - timedelta(seconds=1))
    service.keeper.look(datetime.now(UTC))
    assert service.snapshot is not before and not service.snapshot.is_undelivered(
        service.snapshot.lineup.champion, service.snapshot.places["IBM"]
    )


def test_delivered_forecasts__a_place_that_cannot_be_read_costs_a_session_its_forecasts_and_nothing_else(
    copied: Workspace, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _challenge(copied, log_delivery(copied, str(file), 1, 1)[0])
    with reading(copied.engine) as conn:
        _serve(copied, rollouts.current(conn, MODEL))
    file.unlink()
    _walk(copied, NEXT)
    with reading(copied.engine) as conn:
        assert evidence.forecasts(conn, "3", NEXT).empty
        assert ledger.read_session(conn, MODEL, NEXT) is not None
    service = create_app(copied.settings).state.service
    service.keeper.look(datetime.now(UTC))
    assert "Nothing was delivered to version 3" in service.keeper.alarms["snapshot"]


def test_delivered_forecasts__of_two_arms_at_once_each_answers_with_its_own(
    copied: Workspace, file: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.csv"
    table.assign(forecast=-table["forecast"]).to_csv(theirs, index=False)
    for place in (file, theirs):
        _challenge(copied, log_delivery(copied, str(place), 1, 1)[0])
    with reading(copied.engine) as conn:
        _serve(copied, rollouts.current(conn, MODEL))
    with reading(copied.engine) as conn:
        row = rollouts.current(conn, MODEL)
    why = decisions.Decision(
        at=row.updated_at, model=MODEL, kind="canary_start", as_of="2008-07-07", subject="4", summary="for the test"
    )
    arms = {"challenger": "4", "stage": "canary_50", "weight": 5_000, "evidence": CanaryRecord()}
    rollouts.change(copied.engine, row, why, **arms)
    _deliver(file, NEXT, ["AAPL", "IBM"])
    _deliver(theirs, NEXT, ["IBM", "GOOG"])
    _walk(copied, NEXT)
    with reading(copied.engine) as conn:
        arrived = {version: set(evidence.forecasts(conn, version, NEXT)["ticker"]) for version in ("3", "4")}
    assert arrived == {"3": {"AAPL", "IBM"}, "4": {"IBM", "GOOG"}}
    theirs.write_text(theirs.read_text().replace(f"IBM,{NEXT:%Y-%m-%d},0.00225", f"IBM,{NEXT:%Y-%m-%d},0.5"))
    from tasks.forecasts import take_deliveries

    assert take_deliveries.fn(NEXT, copied.calendar.close(NEXT)) == ["3", "4"]
    service = create_app(copied.settings).state.service
    service.keeper.look(datetime.now(UTC))
    values = {version: table.values for version, table in service.snapshot.tables.items()}
    place = service.snapshot.places["IBM"]
    assert values["3"][place] == values["4"][place] == float(np.float32(DELIVERED["IBM"])), "the first reading stays"
    silent = service.snapshot.places["AAPL"]
    assert np.isnan(values["4"][silent]) and values["3"][silent] == float(np.float32(DELIVERED["AAPL"]))


def test_log_delivery__what_cannot_be_judged_is_one_sentence(
    copied: Workspace, table: pd.DataFrame, tmp_path: Path
) -> None:
    def challenge(rows: pd.DataFrame) -> None:
        rows.to_parquet(tmp_path / "odd.parquet")
        log_delivery(copied, str(tmp_path / "odd.parquet"), 1, 1)

    with pytest.raises(UnreadableFile, match="cannot be read"):
        log_delivery(copied, str(tmp_path / "none.csv"), 1, 1)
    with pytest.raises(BadInput, match="carries an account"):
        log_delivery(copied, "https://me:secret@example.org/mine.csv", 1, 1)
    with pytest.raises(BadInput, match="no forecast counts: 0 forecasts in time, 4"):
        challenge(table.assign(known_at="2020-01-01T00:00:00Z"))
    with pytest.raises(BadInput, match="more than 10% are missing"):
        challenge(table[table["ticker"] != "IBM"])
    with pytest.raises(BadInput, match="sessions with an outcome came after"):
        challenge(table[table["session"] > "2008-06-16"])
