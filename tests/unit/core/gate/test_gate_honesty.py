"""What the gate and the estimates say of markets whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.gate import claims, equal_pair
from evergreen.core.dataset.labels import forward_return
from evergreen.core.dataset.panel import training_frame
from evergreen.core.evaluation.evaluate import evaluate
from evergreen.core.gate.compare import compare
from evergreen.core.market import planted_signal, simulate
from evergreen.core.model.training import TrainingConfig, train

ALPHA = 0.05


def test_gate__calls_equal_models_better_no_more_often_than_its_alpha():
    called_better = np.array([claims(*equal_pair(seed)) for seed in range(500)])
    gate, on_rows, _ = called_better.mean(axis=0)
    assert gate <= ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / 500)
    assert on_rows > 2 * gate


def test_evaluate__interval_covers_the_true_ic_of_a_simulated_market():
    truth, covered = 0.05, []
    for seed in range(20):
        bars = simulate(40, 260, seed, ic=truth)
        labels, signal = forward_return(bars), planted_signal(bars)
        rows = pd.DataFrame({"forecast": 0.001 * signal, "label": labels}).dropna().reset_index()
        measures = evaluate(rows.assign(lower=-1.0, upper=1.0))
        covered.append(measures["ic_lower90"] < truth < measures["ic_upper90"])
    assert sum(covered) >= 14


def test_gate__refuses_a_model_with_a_feature_that_knows_the_future():
    bars = simulate(12, 420, 4)
    labels = forward_return(bars)
    features = pd.DataFrame({"signal": planted_signal(bars), "tomorrow": labels}).astype(np.float32)
    config = TrainingConfig(folds=2, test_size=65, min_train=150, validation_size=60, rounds=40, learning_rate=0.2)
    leaking = compare(None, train(training_frame(features, labels), config).oos)
    assert not leaking.admitted and not leaking.better
    assert "look for a feature that knows the future" in leaking.sentence
    honest = compare(None, train(training_frame(features[["signal"]], labels), config).oos)
    assert not any("too good" in reason for reason in honest.reasons)
