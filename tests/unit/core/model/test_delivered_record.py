"""The record of delivered forecasts: what was known in time, beside the outcomes here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evergreen.core.gate import compare, requirements
from evergreen.core.model.aim import NEXT_RETURN
from evergreen.core.model.delivered import DeliveredForecasts, DeliveredReader
from evergreen.core.model.delivered_record import judge_delivered
from evergreen.core.model.deliveries import Arrivals
from evergreen.core.model.protocol import forecast
from evergreen.errors import BadInput, ModelRefused

DAYS = pd.date_range("2010-01-01", periods=400, freq="B").as_unit("us")
KEYS = pd.MultiIndex.from_product([["A", "B"], DAYS], names=["ticker", "session"])
LABELS = pd.Series(np.random.default_rng(3).normal(0, 0.02, len(KEYS)), KEYS, name="label")
MODEL = DeliveredForecasts("https://example.org/mine.csv", "0" * 64)


def _arrivals(first: int, missing: int = 0) -> Arrivals:
    rows = (0.1 * LABELS).astype(np.float32).astype(float).rename("forecast").reset_index()
    in_time = rows[rows["session"] >= DAYS[first]].iloc[missing:].reset_index(drop=True)
    return Arrivals(in_time, 3, 2, 1, missing, len(in_time) + missing)


def test_record__is_of_the_last_whole_months_of_what_was_in_time() -> None:
    training = judge_delivered(MODEL, _arrivals(200), LABELS, KEYS, NEXT_RETURN)
    months = (400 - 200) // 21
    assert training.oos["session"].nunique() == months * 21
    assert training.oos["session"].min() == DAYS[400 - months * 21]
    expected = (0.1 * LABELS).astype(np.float32).astype(float)
    record = training.oos.set_index(["ticker", "session"])["forecast"]
    pd.testing.assert_series_equal(record.sort_index(), expected.loc[record.index].sort_index(), check_names=False)
    manifest = training.manifest("2011-07-14", "data")
    assert manifest.trained_through == f"{DAYS[199]:%Y-%m-%d}"
    assert manifest.metrics["forecasts_late"] == 3 and manifest.is_delivered
    assert manifest == type(manifest).from_json(manifest.to_json())


def test_record__a_company_is_judged_under_its_newest_name() -> None:
    then = KEYS.set_levels(["A", "OLD"], level="ticker")
    arrivals = _arrivals(200)
    named = replace(arrivals, in_time=arrivals.in_time.replace({"ticker": {"B": "OLD"}}))
    assert set(judge_delivered(MODEL, named, LABELS, then, NEXT_RETURN).oos["ticker"]) == {"A", "B"}


def test_record__each_file_is_a_recipe_of_its_own() -> None:
    recipes = {
        judge_delivered(replace(MODEL, delivery_sha256=digest), _arrivals(200), LABELS, KEYS, NEXT_RETURN).recipe
        for digest in ("a" * 64, "b" * 64)
    }
    assert len(recipes) == 2


def test_record__needs_no_audit_of_features_and_is_refused_where_too_much_is_missing() -> None:
    manifest = judge_delivered(MODEL, _arrivals(200), LABELS, KEYS, NEXT_RETURN).manifest("2011-07-14", "data")
    verdict = compare.compare(None, judge_delivered(MODEL, _arrivals(200), LABELS, KEYS, NEXT_RETURN).oos)
    assert requirements.require_audit(verdict, manifest) == verdict
    with pytest.raises(BadInput, match=r"more than 10% are missing: 340 forecasts in time"):
        judge_delivered(MODEL, _arrivals(200, missing=60), LABELS, KEYS, NEXT_RETURN)
    with pytest.raises(BadInput, match="no forecast counts"):
        judge_delivered(
            MODEL, replace(_arrivals(200), in_time=_arrivals(200).in_time.iloc[:0]), LABELS, KEYS, NEXT_RETURN
        )


@pytest.mark.parametrize(("unit", "refused"), [(1, False), (15, False), (25, True), (100, True), (10_000, True)])
def test_record__returns_in_percent_or_basis_points_are_refused_by_their_size(unit: int, refused: bool) -> None:
    """Forecasts of a tenth of what came true, in other units than log returns."""
    arrivals = _arrivals(200)
    scaled = arrivals.in_time.assign(forecast=unit * arrivals.in_time["forecast"])
    delivered = replace(arrivals, in_time=scaled)
    if not refused:
        assert judge_delivered(MODEL, delivered, LABELS, KEYS, NEXT_RETURN).metrics["forecasts_missing"] == 0
        return
    with pytest.raises(BadInput, match=r"are no log returns: half of them lie beyond .* of the outcomes beyond 0\.01"):
        judge_delivered(MODEL, delivered, LABELS, KEYS, NEXT_RETURN)
    volatility = NEXT_RETURN._replace(target="volatility")
    assert judge_delivered(MODEL, delivered, LABELS, KEYS, volatility).metrics["forecasts_missing"] == 0


def test_model__repeats_what_was_delivered_and_says_nothing_of_what_was_not() -> None:
    read = DeliveredReader().read(MODEL.to_bytes())
    assert read == MODEL
    answers = forecast(read, np.array([[0.25], [np.nan]], dtype=np.float32))
    assert answers[0] == 0.25 and np.isnan(answers[1])
    with pytest.raises(ModelRefused, match="does not hold a forecasts"):
        DeliveredReader().read(b'{"kind": "ridge"}')
