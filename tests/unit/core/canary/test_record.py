from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from evergreen.core.canary import (
    CanaryRecord,
    Ladder,
    QualityTest,
    RollbackWindow,
    Stage,
    plan_power,
)
from evergreen.core.canary.guardrails import OutputLimits
from evergreen.errors import Broken

LOSSES = np.exp(np.random.default_rng(3).normal(0, 0.02, (2, 120))) * 1e-4
LIMITS = OutputLimits(residual_sigma=0.02, target_low=-0.2, target_high=0.2, dispersion=(0.5, 2.0))


def full() -> CanaryRecord:
    return CanaryRecord(
        limits=LIMITS,
        power=plan_power(*LOSSES, simulations=20),
        started="2008-09-12",
        ladder=Ladder((Stage("shadow", 0), Stage("canary_10", 1_000, e_rollback_limit=2.0))),
    ).with_test(QualityTest(*LOSSES), looked="2008-09-15")


@pytest.mark.parametrize(
    "record",
    [full(), CanaryRecord(), CanaryRecord(limits=LIMITS), CanaryRecord(window=RollbackWindow("2008-09-12", 5, LIMITS))],
)
def test_record__comes_back_from_json(record: CanaryRecord) -> None:
    assert CanaryRecord.from_json(json.loads(json.dumps(record.to_json(), allow_nan=False))) == record


def test_record__a_test_decides_the_same_after_it_was_stored() -> None:
    stored = CanaryRecord.from_json(json.loads(json.dumps(full().to_json())))
    test = stored.quality_test()
    assert test.rules == QualityTest(*LOSSES).rules and test.sessions == []


@pytest.mark.parametrize(
    "state",
    [
        {"limits": {"width": 3}},
        {"test": "not JSON"},
        {"ladder": [["canary_5", 500, 5, None]]},
        {"window": {"since": "2008-09-12"}},
        {"power": {"table": [{"chance": 1}]}},
    ],
)
def test_record__what_cannot_be_read_is_said_in_one_sentence(state: dict[str, Any]) -> None:
    with pytest.raises(Broken, match="stored evidence of a rollout cannot be read"):
        CanaryRecord.from_json(state)


@pytest.mark.parametrize("state", [{}, {"format": 99}])
def test_record__a_test_that_cannot_be_read_breaks_only_where_it_is_asked_for(state: dict[str, Any]) -> None:
    record = CanaryRecord.from_json({"test": state})
    with pytest.raises(Broken):
        record.quality_test()
