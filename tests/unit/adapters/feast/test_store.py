"""The feature store end to end, on real Feast, Parquet and SQLite in a temporary folder."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evergreen.adapters.feast import Features
from evergreen.core.features import FEATURE_NAMES
from evergreen.errors import BadInput, Broken, Conflict, UnreadableFile
from tests.unit.adapters.feast.rows import REPO, SESSIONS, Rows, at_close, bits


def test_training_frame__holds_what_was_written_bit_for_bit_in_entity_order(store: Features) -> None:
    rows = Rows(["BBB", "AAA"], SESSIONS)
    assert rows.write(store) == 2 * len(rows.features)
    entity = rows.entity().sample(frac=1, random_state=2).assign(label=1.5)
    joined = store.training_frame(entity)
    assert list(joined.columns) == [*entity.columns, *FEATURE_NAMES]
    pd.testing.assert_frame_equal(joined[entity.columns], entity, check_dtype=False)
    expected = rows.features.loc[pd.MultiIndex.from_frame(entity[["ticker", "session"]])]
    assert bits(joined) == bits(expected)


def test_training_frame__no_feature_is_later_than_its_entity_row(store: Features) -> None:
    rows = Rows(["AAA"], SESSIONS)
    rows.write(store)
    before_close = rows.entity().assign(event_timestamp=lambda e: e["event_timestamp"] - pd.Timedelta("1us"))
    joined = store.training_frame(before_close)
    assert joined.loc[0, list(FEATURE_NAMES)].isna().all()
    assert bits(joined.iloc[1:]) == bits(rows.features.iloc[:-1])


def test_training_frame__a_feature_expires(store: Features) -> None:
    rows = Rows(["AAA"], SESSIONS[:1])
    rows.write(store)
    ages = [pd.Timedelta(days=10), pd.Timedelta(days=10, microseconds=1)]
    moments = [at_close(SESSIONS[0]) + age for age in ages]
    joined = store.training_frame(pd.DataFrame({"ticker": "AAA", "event_timestamp": moments}))
    assert joined["KMID"].notna().tolist() == [True, False]


def test_training_frame__a_restatement_is_invisible_before_it_was_known(store: Features) -> None:
    first, restated = Rows(["AAA"], SESSIONS), Rows(["AAA"], SESSIONS, seed=1, later="72h")
    first.write(store)
    restated.write(store)
    entity = first.entity()
    assert bits(store.training_frame(entity)) == bits(restated.features)
    assert bits(store.training_frame(entity, known_within=pd.Timedelta(hours=12))) == bits(first.features)
    eve = restated.known.iloc[0] - pd.Timedelta("1us")
    seen = store.training_frame(entity, as_known_at=eve)
    assert (first.known <= eve).sum() == 3
    assert bits(seen.iloc[:3]) == bits(first.features.iloc[:3])
    assert bits(seen.iloc[[3]]) == bits(first.features.iloc[[2]])


def brute_force(stored: pd.DataFrame, entity: pd.DataFrame, honest: bool) -> list[float]:
    """The slow oracle: for each entity row, look at every stored row."""
    answers = []
    for ticker, moment in entity[["ticker", "event_timestamp"]].itertuples(index=False):
        seen = stored[(stored["ticker"] == ticker) & (stored["event_timestamp"] <= moment)]
        seen = seen[seen["event_timestamp"] >= moment - pd.Timedelta(days=10)]
        if honest:
            seen = seen[seen["created"] <= moment]
        newest = seen.sort_values(["event_timestamp", "created"]).tail(1)
        answers.append(newest["KMID"].item() if len(newest) else np.nan)
    return answers


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("honest", [False, True])
def test_historical_features__equal_a_brute_force_search(store: Features, seed: int, honest: bool) -> None:
    rng = np.random.default_rng(seed)
    stored = []
    for version in range(4):
        rows = Rows(["AAA", "BBB"], SESSIONS[rng.random(15) < 0.5], 10 * seed + version)
        rows.features["KMID"] = rng.normal(size=len(rows.features)).astype(np.float32)
        rows.known = rows.closes + pd.to_timedelta(rng.integers(-5, 300, len(rows.closes)), unit="h")
        rows.write(store)
        keys = pd.DataFrame({"event_timestamp": rows.closes, "created": rows.known, "KMID": rows.features["KMID"]})
        stored.append(keys.reset_index())
    count = 60
    moments = at_close(SESSIONS[0]) + pd.to_timedelta(rng.integers(-10, 500, count), unit="h")
    tickers = rng.choice(["AAA", "BBB", "CCC"], count)
    entity = pd.DataFrame({"ticker": tickers, "event_timestamp": moments.as_unit("us")})
    joined = store._feast.get_historical_features(
        entity_df=entity, features=["alpha158:KMID"], filter_by_created_timestamp=honest
    ).to_df()
    np.testing.assert_array_equal(joined["KMID"], brute_force(pd.concat(stored), entity, honest))


def test_write__is_idempotent_byte_for_byte_and_appends_only_news(store: Features) -> None:
    rows = Rows(["AAA", "BBB"], SESSIONS)
    rows.write(store)
    files = sorted(store.root.glob("*/year=*.parquet"))
    assert [file.name for file in files] == ["year=2020.parquet", "year=2021.parquet"] * 2
    before = [file.read_bytes() for file in files]
    assert rows.write(store) == 0
    rows.known += pd.Timedelta(days=30)
    assert rows.write(store) == 0
    assert [file.read_bytes() for file in files] == before
    rows.features.iloc[3, 7] += 1
    assert rows.write(store) == 1
    assert [file.read_bytes() for file in files] == before
    (news,) = store.root.glob("*/part-*.parquet")
    assert (news.name, len(pd.read_parquet(news))) == ("part-000001-000001_2020-12-24_2020-12-24.parquet", 1)


def test_write__refuses_other_values_under_the_same_known_at_and_other_rows(store: Features) -> None:
    rows = Rows(["AAA"], SESSIONS)
    rows.write(store)
    before = [file.read_bytes() for file in sorted(store.root.glob("*/*.parquet"))]
    with pytest.raises(Conflict, match="AAA at 2020-12-21 21:00"):
        Rows(["AAA"], SESSIONS, seed=9).write(store)
    assert [file.read_bytes() for file in sorted(store.root.glob("*/*.parquet"))] == before
    with pytest.raises(BadInput, match="prices and features are on different rows"):
        store.write(rows.features, rows.prices.head(3), rows.known, rows.closes)


def test_apply__is_a_no_op_until_something_changed(store: Features, tmp_path: Path) -> None:
    assert Features(tmp_path / "features", REPO).apply() is True  # copied elsewhere: places changed
    assert store.apply() is False
    assert not {"entities", "sources", "views", "services"} & set(sys.modules)
    Rows(["AAA"], SESSIONS).write(store)
    store.materialize(at_close(SESSIONS[0]))
    for file in store.root.glob("online.db*"):
        file.unlink()
    fresh = Features(store.root, REPO)
    assert fresh.apply() is True
    assert fresh.materialize(at_close(SESSIONS[0])).moved == 2


def test_apply__refuses_an_empty_registry_and_a_missing_repository(store: Features, tmp_path: Path) -> None:
    (store.root / "registry.db").write_bytes(b"")
    with pytest.raises(Broken, match=r"registry\.db is empty"):
        store.apply()
    with pytest.raises(UnreadableFile, match=r"feature_store\.yaml"):
        Features(tmp_path / "elsewhere", tmp_path).apply()
