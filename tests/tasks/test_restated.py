"""A vendor restates twenty closes: who used them is known, and what was trained before can be trained again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.bars import BarStore
from evergreen.adapters.database import ledger, predictions, requests, writing
from evergreen.adapters.database.ledger import ModelVersion
from evergreen.adapters.database.predictions import Prediction
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.dataset.labels import forward_return
from evergreen.core.features import LOOKBACK, alpha158
from evergreen.core.features.row_hashes import row_hashes
from evergreen.core.market import simulate
from evergreen.core.model.aim import NEXT_RETURN
from evergreen.core.model.training import TrainingConfig, train, training_frame, training_set_sha256
from evergreen.market_data.delivery import Order
from evergreen.market_data.ingest import ingest, record_snapshot
from evergreen.market_data.restatement_impact import affected, bars_at, difference
from evergreen.workspace import Workspace
from tests.conftest import enter
from tests.test_cli import run

pytestmark = pytest.mark.slow

DAYS = Calendar("XNYS").sessions(pd.Timestamp("2007-01-03"), pd.Timestamp("2008-02-29"))
BARS = simulate(4, DAYS, seed=8)
TICKERS = tuple(sorted(BARS["ticker"].unique()))
CONFIG = TrainingConfig(folds=2, test_size=30, min_train=120, validation_size=30, rounds=10)
CLOSED = Calendar("XNYS").close(DAYS[-1]).to_pydatetime()
BEFORE, BETWEEN, AFTER = (CLOSED + timedelta(minutes=30 + minutes) for minutes in (0, 5, 10))


@dataclass(frozen=True)
class Story:
    """A workspace before and after a vendor restated twenty closes of S0 and S1."""

    at: Workspace
    first: str
    second: str
    restated: set[tuple[str, pd.Timestamp]]
    model: str
    training_set: str


@pytest.fixture
def story(restated_once: Story, monkeypatch: pytest.MonkeyPatch) -> Story:
    return replace(restated_once, at=enter(restated_once.at.settings.home, monkeypatch))


@pytest.fixture(scope="module")
def restated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    from tasks.features import build_features

    folder = tmp_path_factory.mktemp("restated")
    with pytest.MonkeyPatch.context() as patch:
        at = enter(folder / "home", patch)
        bars = BARS.copy()
        first = deliver(at, folder, bars, BEFORE)
        build_features.fn(DAYS[0], DAYS[-1])
        trained = train_as_of(at, BEFORE)
        keep_model(at, "1", BEFORE)
        answer(at, "early")
        rows = pick(bars)
        bars.loc[rows, "close"] *= 1.0005
        bars.loc[rows, "high"] = bars.loc[rows, ["high", "close"]].max(axis=1)
        second = deliver(at, folder, bars, BETWEEN)
        build_features.fn(DAYS[0], DAYS[-1])
        keep_model(at, "2", AFTER)
        answer(at, "late")
        restated = {(bar.ticker, bar.session) for bar in bars.loc[rows].itertuples()}
        yield Story(at, first, second, restated, *trained)


def pick(bars: pd.DataFrame) -> pd.Index:
    """Twenty bars of two tickers, half of them within what the last session's features look back on."""
    of_two = bars[bars["ticker"].isin(TICKERS[:2])]
    near = of_two["session"] >= DAYS[-LOOKBACK]
    return of_two[near].sample(10, random_state=1).index.append(of_two[~near].sample(10, random_state=2).index)


def deliver(at: Workspace, folder: Path, bars: pd.DataFrame, now: datetime) -> str:
    (folder / "vendor").mkdir(exist_ok=True)
    bars.to_parquet(folder / "vendor" / "bars.parquet")
    delivery = ingest(at, Order(f"files:{folder / 'vendor'}", TICKERS, DAYS[0], DAYS[-1], history=True), now)
    return record_snapshot(at, delivery.last, delivery.source, delivery.refused, delivery.summary(), now)


def train_as_of(at: Workspace, known_at: datetime) -> tuple[str, str]:
    """The hashes of the model and of its training set, as the retrain flow makes them at `known_at`."""
    from tasks.training import make_training_set

    with writing(at.engine) as conn:
        request, _ = requests.request(conn, "evergreen", f"test {known_at}", "v", DAYS[-1], {}, known_at)
    training_set = make_training_set.fn(request, NEXT_RETURN, known_at)
    training = train(pd.read_parquet(training_set.path), CONFIG)
    return training.manifest(request.as_of, "v").model_sha256, training_set.sha256


def keep_model(at: Workspace, version: str, now: datetime) -> None:
    version_row = ModelVersion(
        model="evergreen",
        version=version,
        run_id="r",
        sha256=version,
        kind="lightgbm",
        as_of=iso(DAYS[-1]),
        created_at=now,
    )
    with writing(at.engine) as conn:
        ledger.record_model_version(conn, version_row)


def answer(at: Workspace, name: str) -> None:
    """Serve one forecast per ticker from the features of the last session; the service's clock is the wall's."""
    features = alpha158(at.bars.as_of(), calendar=DAYS, since=DAYS[-1])
    hashes = row_hashes(features.to_numpy(np.float32))
    numbers = dict.fromkeys(("price", "lower", "upper", "last_close", "forecast", "champion_raw"), 1.0)
    served = [
        Prediction(
            id=f"{name}-{ticker}",
            at=datetime(2026, 1, 5, tzinfo=UTC),
            client="c",
            ticker=ticker,
            as_of=iso(DAYS[-1]),
            arm="champion",
            version="1",
            feature_hash=feature_hash,
            champion_version="1",
            rollout_version=1,
            **numbers,
        )
        for ticker, feature_hash in zip(TICKERS, hashes, strict=True)
    ]
    predictions.insert_many(at.engine, served)


def test_affected__names_every_restated_bar_with_the_models_and_forecasts_that_used_it(story: Story) -> None:
    bars = affected(story.at, difference(story.at, story.first, story.second))
    assert {(bar.ticker, bar.session) for bar in bars} == story.restated and len(bars) == 20
    assert {bar.models for bar in bars} == {("1",)}
    looked_back = {(bar.ticker, bar.session): bar.predictions for bar in bars}
    assert looked_back == {
        (ticker, session): (f"early-{ticker}",) if session >= DAYS[-LOOKBACK] else ()
        for ticker, session in story.restated
    }


def test_difference__between_times_is_that_between_versions(story: Story) -> None:
    by_version = difference(story.at, story.first, story.second)
    for points in ((BEFORE.isoformat(), "now"), (story.first, BETWEEN.isoformat())):
        pd.testing.assert_frame_equal(difference(story.at, *points).restated, by_version.restated)
    assert affected(story.at, difference(story.at, story.second, "now")) == []


def test_training__as_known_before_the_restatement_gives_the_same_model(story: Story) -> None:
    assert train_as_of(story.at, BEFORE) == (story.model, story.training_set)
    assert train_as_of(story.at, AFTER)[0] != story.model


def test_training__on_the_checked_out_version_gives_the_same_model(story: Story, tmp_path: Path) -> None:
    bars = BarStore(story.at.snapshots.checkout(story.first, tmp_path), Calendar("XNYS")).as_of()
    pd.testing.assert_frame_equal(bars_at(story.at, story.first), bars)
    frame = training_frame(alpha158(bars, calendar=DAYS), forward_return(bars, 1))
    assert training_set_sha256(frame) == story.training_set
    assert train(frame, CONFIG).manifest("2008-02-29", "v").model_sha256 == story.model


def test_data_diff__says_it_on_the_command_line(story: Story, tmp_path: Path) -> None:
    home = {"EVERGREEN_HOME": str(story.at.settings.home)}
    process = run("data", "diff", story.first, story.second, cwd=tmp_path, **home)
    lines = process.stdout.strip().splitlines()
    assert len(lines) == 21 and lines[-1].startswith("20 bars restated, 0 added, 0 withdrawn; used by 1 models (1)")
    report = json.loads(run("data", "diff", story.first, "--json", cwd=tmp_path, **home).stdout)
    assert {(bar["ticker"], pd.Timestamp(bar["session"])) for bar in report["restated"]} == story.restated
    assert run("data", "diff", "yesterday", cwd=tmp_path, **home).returncode == 1
    out = run("data", "as-of", BEFORE.isoformat(), "--out", "then.parquet", cwd=tmp_path, **home)
    assert out.returncode == 0
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "then.parquet"), bars_at(story.at, BEFORE.isoformat()))
