"""What a researcher has at hand in three lines is what a training takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.core.dataset.panel import training_set_sha256
from evergreen.errors import BadInput, NoBars, NotFound
from evergreen.research import panel
from evergreen.research.panels import ResearchPanel
from evergreen.research.training_sets import sample_training_set
from evergreen.workspace import Workspace

AS_OF, TWO = "2003-12-31", ["AAPL", "IBM"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVERGREEN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def sample() -> ResearchPanel:
    return panel("sample", as_of=AS_OF, tickers=TWO)


def test_panel__of_the_sample_is_its_training_set_to_the_bit(sample: ResearchPanel) -> None:
    direct = sample_training_set(pd.Timestamp(AS_OF), 1, TWO)
    assert training_set_sha256(sample.training_set) == training_set_sha256(direct)
    assert sample.training_set.attrs == direct.attrs
    assert sample.features.shape[1] == 158 and sample.labels.index.equals(sample.features.index)


def test_panel__folds_test_what_none_of_them_trained_on(sample: ResearchPanel) -> None:
    folds = sample.folds
    assert folds and all(fold.train[-1] < fold.test[0] for fold in folds)
    assert folds[-1].test[-1] == sample.labels.dropna().index.get_level_values("session").max()


def test_panel__of_files_and_of_a_simulated_market(sample: ResearchPanel, tmp_path: Path) -> None:
    for ticker, bars in sample.bars.groupby("ticker"):
        (tmp_path / "bars").mkdir(exist_ok=True)
        bars.to_csv(tmp_path / "bars" / f"{ticker}.csv", index=False)
    files = panel(f"files:{tmp_path / 'bars'}")
    assert np.allclose(files.features, sample.features, equal_nan=True, rtol=1e-4)
    simulated = panel("simulated:tickers=3,seed=7", as_of="2004-12-31", horizon=5)
    assert simulated.bars["ticker"].nunique() == 3
    assert simulated.labels.groupby(level="ticker").tail(5).isna().all()


def test_panel__of_the_installation_as_stored_and_by_version(sample: ResearchPanel, home: Path, monkeypatch) -> None:
    (home.parent / "evergreen.toml").touch()
    monkeypatch.chdir(home.parent)
    from evergreen.settings import load_settings

    at = Workspace(load_settings())
    at.bars.append(sample.bars, pd.Timestamp("2004-01-05", tz="UTC"), "sample", assumed=True)
    version = at.snapshots.commit()
    stored = panel(as_of=AS_OF)
    assert len(stored.bars) == len(sample.bars)
    assert np.allclose(stored.features, sample.features, equal_nan=True)
    assert panel(version=version, tickers=["IBM"]).bars["ticker"].unique().tolist() == ["IBM"]
    with pytest.raises(NotFound):
        panel(version="never")


def test_panel__without_bars_says_so() -> None:
    for tickers in (["NOPE"], ["AAPL", "NOPE"]):
        with pytest.raises(NoBars, match="sample has no bars of NOPE"):
            panel("sample", as_of=AS_OF, tickers=tickers)
    with pytest.raises(NoBars, match="the installation has no bars"):
        panel(as_of=AS_OF)
    with pytest.raises(BadInput, match="'yesterday' is not a session"):
        panel("sample", as_of="yesterday")
