"""The look-ahead audit must pass what is honest and bite what is not: each mutation below is caught by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.core.bars.session import iso
from evergreen.core.dataset.labels import forward_return
from evergreen.core.dataset.look_ahead_audit import Audit, LooksAhead, audit, meeting_spans, stamp, verdict_on
from evergreen.core.dataset.panel import training_frame
from evergreen.core.dataset.splits import Fold, walk_forward
from evergreen.core.features import AdjustedBars, DeclaredFactor, compute_features, factor, lookback_of
from evergreen.core.gate.requirements import require_audit
from evergreen.core.gate.verdict import Verdict
from evergreen.core.model.training import TrainingConfig, train
from evergreen.errors import BadInput

SESSIONS = pd.bdate_range("2019-01-02", periods=420).as_unit("us")


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Five tickers; one splits 2:1 on the way, one halts now and then, some days have no volume."""
    rng = np.random.default_rng(5)
    shape = (5, len(SESSIONS))
    close = 40 * np.exp(np.cumsum(rng.standard_t(4, shape) * 0.01, axis=1))
    opening = close * np.exp(rng.normal(0, 0.005, shape))
    volume = np.round(np.exp(rng.normal(12, 0.4, shape)))
    volume[rng.random(shape) < 0.01] = 0
    factor_ = np.ones(shape)
    factor_[1, :200] = 0.5
    frame = pd.DataFrame(
        {
            "ticker": np.repeat(list("ABCDE"), len(SESSIONS)),
            "session": np.tile(SESSIONS, 5),
            "open": opening.ravel(),
            "high": (np.maximum(opening, close) * 1.003).ravel(),
            "low": (np.minimum(opening, close) * 0.997).ravel(),
            "close": close.ravel(),
            "volume": volume.ravel(),
            "factor": factor_.ravel(),
        }
    )
    return frame[(frame["ticker"] != "C") | (rng.random(len(frame)) > 0.1)]


def momentum(bars: AdjustedBars) -> pd.DataFrame:
    """close / ref(close, 20) - 1"""
    return bars.close / bars.close.shift(20) - 1


def verdict(bars: pd.DataFrame, *factors: DeclaredFactor, horizon: int = 1, labels: pd.Series | None = None) -> Audit:
    def compute(some: pd.DataFrame) -> pd.DataFrame:
        return compute_features(some, factors, SESSIONS)

    outcomes = forward_return(bars, horizon) if labels is None else labels
    return audit(compute(bars), outcomes, bars, compute, lookback_of(factors), horizon)


def test_audit__passes_the_158_and_honest_declared_factors(bars: pd.DataFrame) -> None:
    def smooth(b: AdjustedBars) -> pd.DataFrame:
        return b.close.rolling(60, min_periods=1).mean() / b.close

    def rank(b: AdjustedBars) -> pd.DataFrame:
        return (b.volume / b.volume.rolling(20).mean()).rank(axis=1, pct=True)

    honest = verdict(
        bars, factor(21)(momentum), factor(60, "SMOOTH")(smooth), factor(20, "VOLUMERANK")(rank), horizon=5
    )
    assert honest.passed and honest.findings == ()
    assert (honest.features, len(honest.sessions)) == (161, 8)
    assert honest.sentence == "No look-ahead in 161 features at 8 sessions."


def full_sample(b: AdjustedBars) -> pd.DataFrame:
    ratio = b.close / b.open
    return (ratio - ratio.mean()) / ratio.std()


MUTATIONS: dict[str, Callable[[AdjustedBars], pd.DataFrame]] = {
    "shift(-1)": lambda b: b.close.shift(-1) / b.close - 1,
    "shift(-1) of a small part": lambda b: b.close / b.close.shift(5) + 1e-3 * (b.close.shift(-1) / b.close - 1),
    "a window centred on its session": lambda b: b.close.rolling(11, center=True, min_periods=1).mean() / b.close,
    "scaling by the full sample": full_sample,
    "a rank within the full sample": lambda b: (b.close / b.close.shift(5)).rank(pct=True),
    "a back-adjusted price level": lambda b: b.close,
    "a back-adjusted volume level": lambda b: np.log(b.volume + 1),
    "more history than declared": lambda b: b.close / b.close.shift(61),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_audit__bites(bars: pd.DataFrame, mutation: str) -> None:
    refused = verdict(bars, factor(21)(momentum), factor(21, "LEAK")(MUTATIONS[mutation]))
    assert not refused.passed
    assert all(finding.startswith("LEAK ") for finding in refused.findings), refused.findings


def test_audit__bites_a_column_that_was_shifted_after_it_was_computed(bars: pd.DataFrame) -> None:
    features = compute_features(bars, calendar=SESSIONS)
    features["KMID"] = features.groupby(level="ticker")["KMID"].shift(-1)
    refused = audit(
        features, forward_return(bars), bars, lambda some: compute_features(some, calendar=SESSIONS), lookback_of(()), 1
    )
    assert {finding.split(" (")[0] for finding in refused.findings} == {"KMID is not a function of its 61 sessions"}


def test_audit__bites_labels_of_another_horizon_and_of_another_day(bars: pd.DataFrame) -> None:
    longer = verdict(bars, labels=forward_return(bars, 2))
    assert "the label is not that of 1 sessions ahead" in longer.sentence
    later = forward_return(bars).groupby(level="ticker").shift(-1)
    assert not verdict(bars, labels=later).passed


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), ahead=st.integers(1, 15))
def test_audit__bites_whatever_the_sample_of_sessions(bars: pd.DataFrame, seed: int, ahead: int) -> None:
    leak = factor(21, "LEAK")(lambda b: b.close.shift(-ahead) / b.close)

    def compute(some: pd.DataFrame) -> pd.DataFrame:
        return compute_features(some, [leak], SESSIONS)

    refused = audit(compute(bars), forward_return(bars), bars, compute, 61, 1, cuts=2, seed=seed)
    assert any("LEAK moves with the bars after its session" in finding for finding in refused.findings)


def test_meeting_spans__are_named_by_fold_and_never_met_by_walk_forward() -> None:
    folds = walk_forward(SESSIONS, folds=3, test_size=40, horizon=5, embargo=0, min_train=100)
    assert meeting_spans(folds, SESSIONS, 5) == []
    close = Fold(SESSIONS[:100], SESSIONS[104:140])
    assert meeting_spans([folds[0], close], SESSIONS, 5) == [
        f"training labels of fold 2 reach {iso(SESSIONS[104])}, into its test window"
    ]


def test_stamp__refuses_a_leak_and_stays_with_the_set_in_parquet(bars: pd.DataFrame, tmp_path) -> None:
    rows = training_frame(compute_features(bars, calendar=SESSIONS), forward_return(bars))
    with pytest.raises(LooksAhead, match="LEAK moves with the bars after its session"):
        stamp(rows, verdict(bars, factor(21, "LEAK")(MUTATIONS["shift(-1)"])))
    stamp(rows, verdict(bars)).to_parquet(tmp_path / "set.parquet")
    read_back = verdict_on(pd.read_parquet(tmp_path / "set.parquet"), [], 1)
    assert read_back is not None and read_back.passed
    assert verdict_on(rows, [], 1) is None


def test_train__carries_the_verdict_into_the_manifest(bars: pd.DataFrame) -> None:
    rows = training_frame(compute_features(bars, calendar=SESSIONS), forward_return(bars))
    config = TrainingConfig(folds=2, test_size=40, min_train=100, rounds=5)
    manifest = train(stamp(rows, verdict(bars)), config).manifest("2020-01-01", "v1")
    assert manifest.audit is not None
    stamped = Audit.from_dict(manifest.audit)
    assert (stamped.passed, stamped.folds, stamped.features) == (True, 2, len(manifest.feature_names))
    assert stamped.training_set_sha256 == manifest.training_set_sha256
    assert type(manifest).from_json(manifest.to_json()) == manifest
    assert train(rows, config).manifest("2020-01-01", "v1").audit is None
    admitted = Verdict(admitted=True, better=True, reasons=(), sessions=250)
    assert require_audit(admitted, manifest) == admitted
    few, peeking = replace(stamped, features=7), replace(stamped, findings=("KMID peeks",))
    for spoiled, reason in [
        (replace(manifest, audit=None), "its training set was never audited for look-ahead"),
        (replace(manifest, training_set_sha256="other"), "its training set was changed after the look-ahead audit"),
        (replace(manifest, audit=few.to_dict()), "7 features were audited for look-ahead, the model has 158"),
        (replace(manifest, audit=peeking.to_dict()), "Look-ahead: KMID peeks"),
    ]:
        refused = require_audit(admitted, spoiled)
        assert (refused.admitted, refused.better, refused.reasons) == (False, False, (reason,))


def test_audit__too_short_a_history_is_said(bars: pd.DataFrame) -> None:
    with pytest.raises(BadInput, match="too few for a look-ahead audit"):
        verdict(bars[bars["session"] < SESSIONS[10]])
