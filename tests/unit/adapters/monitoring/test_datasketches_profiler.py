"""Both profilers beside each other: the same figures, the same records."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.monitoring import datasketches_profiler as sketches
from evergreen.adapters.monitoring.profile_column import merge
from evergreen.errors import BadInput, Broken

if sys.version_info >= (3, 13):
    pytest.skip("whylogs has no wheel here to compare with", allow_module_level=True)

from evergreen.adapters.monitoring import whylogs_profiler as whylogs

SESSION = pd.Timestamp("2008-09-15")
OLD = Path(__file__).parents[3] / "data" / "profile_2008-09-15.bin"
CUTS = [-1.0, -0.3, 0.0, 0.5, 2.5]


def rows(count: int = 400, seed: int = 3) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.normal(size=(count, 4)), columns=["plain", "tied", "holes", "empty"])
    frame["tied"] = frame["tied"].round(1)
    frame.loc[::3, "holes"] = np.nan
    frame.loc[1::7, "holes"] = np.inf
    frame["empty"] = np.nan
    return frame


def figures(profiler: ModuleType, view: object) -> dict[str, list[float]]:
    """What both tell of each column."""
    by_column = {}
    for name in sorted(profiler.names(view)):
        each = profiler.column(view, name)
        shares = each.shares_up_to(CUTS).tolist() if each.finite else []
        by_column[name] = [each.rows, each.finite, each.infinite, each.mean, each.stddev, *shares]
    return by_column


@pytest.mark.parametrize("count", [1, 2, 40, 1000])
def test_profile__tells_what_whylogs_tells(count: int) -> None:
    frame = rows(count)
    ours, theirs = (figures(each, each.profile(frame, SESSION)) for each in (sketches, whylogs))
    assert ours.keys() == theirs.keys()
    for name, numbers in theirs.items():
        assert ours[name] == pytest.approx(numbers, rel=1e-12)


def test_profile__of_whylogs_is_stored_as_whylogs_itself_would() -> None:
    view = whylogs.profile(rows(), SESSION, {"model": "3", "kind": "features"})
    by_itself = view.serialize()
    stored = whylogs.to_bytes(view)
    read, again = (whylogs.from_bytes(content) for content in (by_itself, stored))
    assert len(stored) == len(by_itself) and whylogs.tags_of(again) == whylogs.tags_of(read)
    assert whylogs.session_of(again) == SESSION and again.creation_timestamp == read.creation_timestamp
    assert {name: each.to_protobuf() for name, each in again.get_columns().items()} == {
        name: each.to_protobuf() for name, each in read.get_columns().items()
    }


def test_profile__quantiles_are_those_of_whylogs() -> None:
    ours, theirs = (each.column(each.profile(rows(1000), SESSION), "plain") for each in (sketches, whylogs))
    assert ours.quantiles([0.1, 0.5, 0.9]) == theirs.quantiles([0.1, 0.5, 0.9])


@pytest.mark.parametrize("count", [1, 2, 400, 5000])
@pytest.mark.parametrize(("writer", "reader"), [(sketches, whylogs), (whylogs, sketches)])
def test_record__of_one_is_read_by_the_other(writer: ModuleType, reader: ModuleType, count: int) -> None:
    view = writer.profile(rows(count), SESSION, {"data_version": "v7", "ort": "Zürich"})
    read = reader.from_bytes(writer.to_bytes(view))
    assert reader.tags_of(read) == {"data_version": "v7", "ort": "Zürich"}
    assert reader.session_of(read) == writer.session_of(view) == SESSION
    expected = figures(writer, view)
    assert figures(reader, read) == {name: pytest.approx(numbers, abs=1e-12) for name, numbers in expected.items()}


def test_record__from_years_ago_is_read() -> None:
    old = OLD.read_bytes()
    ours, theirs = (figures(each, each.from_bytes(old)) for each in (sketches, whylogs))
    assert ours == theirs and sketches.tags_of(sketches.from_bytes(old))["data_version"] == "5d1f0c2ab7e9"


def test_record__same_rows_same_bytes() -> None:
    first, second = (sketches.to_bytes(sketches.profile(rows(), SESSION)) for _ in range(2))
    assert first == second


def test_record__cut_short_anywhere_or_of_another_kind_is_refused() -> None:
    stored = sketches.to_bytes(sketches.profile(rows(), SESSION, {"data_version": "v7"}))
    for content in [*(stored[:end] for end in [*range(0, len(stored), 97), len(stored) - 1]), b"PK" + stored]:
        with pytest.raises(Broken, match="cannot be read"):
            sketches.from_bytes(content)


def test_merge__tells_what_all_rows_tell() -> None:
    parts = [rows(60, seed) for seed in range(4)]
    merged = merge([sketches.profile(part, SESSION + pd.Timedelta(days=d)) for d, part in enumerate(parts)])
    whole = sketches.profile(pd.concat(parts), SESSION)
    assert sketches.session_of(merged) == SESSION
    expected = figures(sketches, whole)
    assert figures(sketches, merged) == {name: pytest.approx(numbers, abs=1e-12) for name, numbers in expected.items()}
    with pytest.raises(BadInput, match="no profile to merge"):
        merge([])


def test_outside__names_what_whylogs_constraints_name() -> None:
    frame = rows()
    bands = {
        ("plain", "mean"): (-0.5, 0.5),
        ("plain", "stddev"): (1.5, 2.0),
        ("tied", "mean"): (0.5, 1.0),
        ("tied", "stddev"): (0.0, 9.0),
    }
    ours, theirs = (each.outside(each.profile(frame, SESSION), bands) for each in (sketches, whylogs))
    assert ours == theirs == [("plain", "stddev"), ("tied", "mean")]


def test_profile__refuses_words() -> None:
    with pytest.raises(BadInput, match="'name' is not numeric"):
        sketches.profile(pd.DataFrame({"name": ["AAPL"]}), SESSION)
