"""The offline store against Feast's own DuckDB store, and both against a search of every row."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float32, Int64, String
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from evergreen.errors import BadInput, NotFound

START = pd.Timestamp("2021-03-01", tz="UTC")
TTL = timedelta(days=1)  # Feast's own store takes no TTL of mixed units
STORES = {"ours": {"type": "evergreen.adapters.feast.offline.AsOfOfflineStore"}, "feast": {"type": "duckdb"}}
NAMES = ["fast:f", "fast:n", "slow:g", "listed:word"]


@dataclass
class Repository:
    """Three views over files that each example writes anew: a TTL, none, and neither versions nor one key only."""

    root: Path
    stores: dict[str, FeatureStore]

    def answer(self, store: str, entities: pd.DataFrame, honest: bool, full: bool = False) -> pd.DataFrame:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            job = self.stores[store].get_historical_features(
                entity_df=entities, features=NAMES, full_feature_names=full, filter_by_created_timestamp=honest
            )
            return job.to_df()


def definitions(root: Path) -> list[object]:
    ticker = Entity(name="ticker", join_keys=["ticker"], value_type=ValueType.STRING)
    venue = Entity(name="venue", join_keys=["venue"], value_type=ValueType.INT64)

    def view(name: str, entities: list[Entity], fields: list[Field], ttl: timedelta | None, **source: object):
        place = FileSource(name=f"{name}_rows", path=str(root / f"{name}.parquet"), **source)
        return FeatureView(name=name, entities=entities, schema=fields, source=place, ttl=ttl)

    versioned = {"timestamp_field": "event_timestamp", "created_timestamp_column": "created"}
    mapped = {"timestamp_field": "at", "created_timestamp_column": "created", "field_mapping": {"raw_g": "g"}}
    fast = [Field(name="f", dtype=Float32), Field(name="n", dtype=Int64)]
    return [
        ticker,
        venue,
        view("fast", [ticker], fast, TTL, **versioned),
        view("slow", [ticker, venue], [Field(name="g", dtype=Float32)], None, **mapped),
        view("listed", [ticker], [Field(name="word", dtype=String)], TTL * 2, timestamp_field="event_timestamp"),
    ]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    root = tmp_path_factory.mktemp("offline")
    stores = {}
    write(root, [(0, 0, 0, 0)], naive=False)
    for name, kind in STORES.items():
        config = RepoConfig(
            project="test",
            provider="local",
            registry=str(root / f"{name}.db"),
            offline_store=kind,
            online_store={"type": "sqlite", "path": str(root / f"{name}-online.db")},
            entity_key_serialization_version=3,
        )
        stores[name] = FeatureStore(config=config)
        stores[name].apply(definitions(root))
    return Repository(root, stores)


Row = tuple[int, int, int, int]  # ticker, venue, hours of the event, hours until created


def stored(rows: list[Row]) -> pd.DataFrame:
    """A row's values follow from its place, so that no two rows under one key, event and version differ."""
    frame = pd.DataFrame(rows, columns=["ticker", "venue", "event", "lag"]).astype({"venue": "int64"})
    event = START + pd.to_timedelta(frame["event"], unit="h")
    number = frame["ticker"] * 7919 + frame["venue"] * 104729 + frame["event"] * 101 + frame["lag"]
    return pd.DataFrame(
        {
            "ticker": frame["ticker"].map("T{}".format),
            "venue": frame["venue"],
            "event_timestamp": event.astype("datetime64[us, UTC]"),
            "created": (event + pd.to_timedelta(frame["lag"], unit="h")).astype("datetime64[us, UTC]"),
            "f": (number / 8).astype("float32").where(number % 5 > 0),
            "n": number.astype("int64"),
        }
    )


def write(root: Path, rows: list[Row], naive: bool) -> dict[str, pd.DataFrame]:
    frame = stored(rows)
    tables = {
        "fast": frame.drop(columns="venue").drop_duplicates(["ticker", "event_timestamp", "created"]),
        "slow": frame.drop_duplicates(["ticker", "venue", "event_timestamp", "created"]),
        "listed": frame.drop_duplicates(["ticker", "event_timestamp"]).assign(word=lambda x: x["n"].map("w{}".format)),
    }
    for name, table in tables.items():
        file = table.rename(columns={"event_timestamp": "at", "f": "raw_g"}) if name == "slow" else table
        moments = [column for column in file if str(file[column].dtype).startswith("datetime64")]
        bare = file.assign(**{column: file[column].dt.tz_localize(None) for column in moments}) if naive else file
        bare.to_parquet(root / f"{name}.parquet", index=False)
    return tables


def search(table: pd.DataFrame, keys: dict[str, object], moment: pd.Timestamp, ttl: timedelta | None, honest: bool):
    """The slow oracle: look at every row."""
    seen = table[np.logical_and.reduce([table[key] == value for key, value in keys.items()])]
    seen = seen[seen["event_timestamp"] <= moment]
    seen = seen[seen["event_timestamp"] >= moment - ttl] if ttl else seen
    seen = seen[seen["created"] <= moment] if honest else seen
    return seen.sort_values(["event_timestamp", "created"]).iloc[-1] if len(seen) else None


def oracle(tables: dict[str, pd.DataFrame], entities: pd.DataFrame, honest: bool) -> pd.DataFrame:
    rows = []
    for entity in entities.itertuples(index=False):
        ticker, both = {"ticker": entity.ticker}, {"ticker": entity.ticker, "venue": entity.venue}
        fast = search(tables["fast"], ticker, entity.event_timestamp, TTL, honest)
        slow = search(tables["slow"], both, entity.event_timestamp, None, honest)
        listed = search(tables["listed"], ticker, entity.event_timestamp, TTL * 2, False)
        values = [None, None] if fast is None else [fast["f"], fast["n"]]
        rows.append([*values, None if slow is None else slow["f"], None if listed is None else listed["word"]])
    return pd.DataFrame(rows, columns=["f", "n", "g", "word"])


def plain(frame: pd.DataFrame, full: bool = False) -> pd.DataFrame:
    names = [name.replace(":", "__") if full else name.split(":")[1] for name in NAMES]
    ordered = frame.sort_values("row", ignore_index=True)
    values = ordered[names].set_axis(["f", "n", "g", "word"], axis=1)
    return values.astype(object).where(values.notna(), None).astype({"f": float, "n": float, "g": float})


rows = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 80), st.integers(-5, 60)), min_size=1, max_size=40
)
keys = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(-10, 160)), min_size=1, max_size=25)


@settings(max_examples=20, deadline=None, phases=[Phase.generate])  # real stores shrink for minutes
@given(rows=rows, keys=keys, honest=st.booleans(), full=st.booleans(), naive=st.booleans())
def test_historical_features__equal_feasts_own_store_and_a_search_of_every_row(
    repository: Repository, rows: list[Row], keys: list[tuple[int, int, int]], honest: bool, full: bool, naive: bool
) -> None:
    tables = write(repository.root, rows, naive)
    keyed = pd.DataFrame(keys, columns=["ticker", "venue", "hours"])
    entities = pd.DataFrame(
        {
            "ticker": keyed["ticker"].map("T{}".format),
            "venue": keyed["venue"].astype("int64"),
            "row": range(len(keyed)),
            "note": "carried along",
            "event_timestamp": (START + pd.to_timedelta(keyed["hours"], unit="h")).astype("datetime64[us, UTC]"),
        }
    )
    expected = plain(oracle(tables, entities, honest).assign(row=range(len(entities))))
    ours = repository.answer("ours", entities, honest, full)
    assert list(ours["row"]) == list(entities["row"]) and set(ours["note"]) == {"carried along"}
    pd.testing.assert_frame_equal(plain(ours, full), expected, check_dtype=False)
    theirs = repository.answer("feast", entities, honest, full)
    pd.testing.assert_frame_equal(plain(theirs, full), expected, check_dtype=False)
    assert list(ours.columns) == list(theirs.columns)


@pytest.mark.parametrize("pull", ["pull_latest_from_table_or_query", "pull_all_from_table_or_query"])
@pytest.mark.parametrize("naive", [False, True])
def test_pull__gives_what_feasts_own_store_gives(repository: Repository, pull: str, naive: bool) -> None:
    rng = np.random.default_rng(3)
    rows = [tuple(map(int, row)) for row in rng.integers([0, 0, 0, 0], [3, 2, 80, 9], (120, 4))]
    write(repository.root, rows, naive)
    names = ["ticker", "venue", "raw_g", "at", "created"]
    answers = []
    for store in repository.stores.values():
        source = store.get_feature_view("slow").batch_source
        offline = store._get_provider().offline_store
        keys, values = ["ticker", "venue"], ["raw_g"]
        end = (START + pd.Timedelta(hours=60)).to_pydatetime()
        job = getattr(offline, pull)(
            config=store.config,
            data_source=source,
            join_key_columns=keys,
            feature_name_columns=values,
            timestamp_field="at",
            created_timestamp_column="created",
            start_date=START.to_pydatetime(),
            end_date=end,
        )
        answers.append(job.to_df()[names].sort_values(names, ignore_index=True))
    assert len(answers[0]) >= 6
    pd.testing.assert_frame_equal(*answers, check_dtype=False)


def test_historical_features__another_name_for_the_instant_and_missing_keys(repository: Repository) -> None:
    write(repository.root, [(0, 0, 0, 0), (1, 0, 0, 0)], naive=False)
    moments = pd.Series([START, pd.NaT, START]).astype("datetime64[us, UTC]")
    entities = pd.DataFrame({"ticker": ["T0", "T1", None], "venue": [0, 0, 0], "row": [0, 1, 2], "at_last": moments})
    joined = repository.answer("ours", entities, honest=True)
    assert joined["n"].tolist()[0] == 0 and joined["n"].isna().tolist() == [False, True, True]


def test_historical_features__refuses_sql_and_says_when_nothing_is_stored(repository: Repository) -> None:
    ours = repository.stores["ours"]
    with pytest.raises(BadInput, match="must be a DataFrame"):
        ours.get_historical_features(entity_df="select 1", features=NAMES).to_df()
    entities = pd.DataFrame({"ticker": ["T0"], "venue": [0], "event_timestamp": [START]})
    (repository.root / "slow.parquet").unlink()
    with pytest.raises(NotFound, match=r"no feature rows in .*slow\.parquet"):
        ours.get_historical_features(entity_df=entities, features=NAMES).to_df()
