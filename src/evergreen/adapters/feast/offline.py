"""A Feast offline store for rows that carry both when they hold and when they became known.

One as-of join answers every question. Per ticker, rows are put in order of when they could first be seen, and
kept only while their event is the newest so far; what an entity row sees is then the last kept row before it,
unless older than the view's TTL. Keys are joined first, alone; the wide rows are fetched once, by position.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from feast.feature_view import FeatureView
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.repo_config import FeastConfigBaseModel
from numpy.typing import NDArray

from evergreen.adapters.feast import files
from evergreen.errors import BadInput

# `seen` is when a row could first be seen: at its event, or also not before it was created.
_JOIN = """
with rows as (select *, {seen} as seen from keys),
best as (
    select * from rows
    qualify row_number() over (partition by ticker, seen order by event_timestamp desc, created desc) = 1
),
kept as (
    select * from best
    qualify event_timestamp >= max(event_timestamp) over (partition by ticker order by seen)
)
select kept.position as position, wanted.row as row
from wanted asof join kept on wanted.ticker = kept.ticker and wanted.event_timestamp >= kept.seen
where kept.event_timestamp >= wanted.event_timestamp - to_microseconds({ttl})
"""


class AsOfOfflineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc]
    """Where the rows lie, and the moment beyond which nothing is known (None: everything is)."""

    type: Literal["evergreen.adapters.feast.offline.AsOfOfflineStore"]
    root: str
    known_at: datetime | None = None


class AsOfRetrievalJob(RetrievalJob):  # type: ignore[misc]
    """A retrieval that runs when its answer is asked for."""

    def __init__(self, run: Callable[[], pa.Table], full_names: bool, metadata: RetrievalMetadata | None) -> None:
        super().__init__()
        self._run = run
        self._full_names = full_names
        self._metadata = metadata

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self._run()

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return pd.DataFrame(self._run().to_pandas())

    @property
    def full_feature_names(self) -> bool:
        """Whether columns are named `view__feature`."""
        return self._full_names

    @property
    def on_demand_feature_views(self) -> list[Any]:
        """None: the repository declares no transformations."""
        return []

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """What was asked for."""
        return self._metadata


class AsOfOfflineStore(OfflineStore):  # type: ignore[misc]
    """Reads the folders that `files.append` writes."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(
        config: Any,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str,
        registry: Any,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
    ) -> RetrievalJob:
        """Entity rows in their order, with the features each of them could see; see the module."""
        if not isinstance(entity_df, pd.DataFrame):
            raise BadInput("entity rows must be a DataFrame.", "This store runs no SQL of its own.")
        wanted = _names_by_view(feature_refs)

        def run() -> pa.Table:
            table = pa.Table.from_pandas(entity_df, preserve_index=False).replace_schema_metadata(None)
            for view in feature_views:
                names = wanted[view.projection.name_to_use()]
                found = _seen_by(config.offline_store, view, names, entity_df, filter_by_created_timestamp)
                for name in names:
                    column = f"{view.projection.name_to_use()}__{name}" if full_feature_names else name
                    table = table.append_column(column, found[name])
            return table

        keys = [name for name in entity_df.columns if name != "event_timestamp"]
        span = entity_df["event_timestamp"].agg(["min", "max"])
        return AsOfRetrievalJob(run, full_feature_names, RetrievalMetadata(feature_refs, keys, *span))

    @staticmethod
    def pull_latest_from_table_or_query(
        config: Any,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """The last known version of each ticker's last event in the period."""
        rows = _period(config.offline_store, data_source, feature_name_columns, start_date, end_date)
        return AsOfRetrievalJob(lambda: files.newest(rows()), False, None)

    @staticmethod
    def pull_all_from_table_or_query(
        config: Any,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Every version of every row in the period."""
        rows = _period(config.offline_store, data_source, feature_name_columns, start_date, end_date)
        return AsOfRetrievalJob(rows, False, None)


def _names_by_view(feature_refs: list[str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for reference in feature_refs:
        view, name = reference.split(":")
        names.setdefault(view, []).append(name)
    return names


def _folder(store: AsOfOfflineStoreConfig, source: Any) -> Path:
    return Path(store.root) / str(source.path)


def _period(
    store: AsOfOfflineStoreConfig,
    source: Any,
    names: list[str],
    start: datetime | None,
    end: datetime | None,
) -> Callable[[], pa.Table]:
    bounds = [None if moment is None else pd.Timestamp(moment) for moment in (start, end, store.known_at)]
    aware = [moment if moment is None or moment.tz else moment.tz_localize(UTC) for moment in bounds]
    return lambda: files.read(_folder(store, source), names, *aware)


def _seen_by(
    store: AsOfOfflineStoreConfig, view: FeatureView, names: list[str], entities: pd.DataFrame, honest: bool
) -> pa.Table:
    moments = entities["event_timestamp"]
    known_at = None if store.known_at is None else pd.Timestamp(store.known_at)
    after = None if view.ttl is None else moments.min() - view.ttl
    rows = files.read(_folder(store, view.batch_source), names, after, moments.max(), known_at)
    positions = _join(rows.select(files.KEYS), entities[["ticker", "event_timestamp"]], view.ttl, honest)
    return rows.select(names).take(pa.array(positions, mask=positions < 0))


def _join(keys: pa.Table, entities: pd.DataFrame, ttl: Any, honest: bool) -> NDArray[np.int64]:
    """For each entity row the position in `keys` of the row it sees, -1 for none."""
    import duckdb  # reading online features must not pay for it

    positions = np.full(len(entities), -1, dtype=np.int64)
    reach = pd.Timedelta(ttl if ttl is not None else pd.Timedelta.max // 2)
    seen = "greatest(event_timestamp, created)" if honest else "event_timestamp"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("keys", keys.append_column("position", pa.array(np.arange(len(keys)))))
        instants = entities["event_timestamp"].astype("datetime64[us, UTC]")
        wanted = pa.Table.from_pandas(entities.assign(event_timestamp=instants), preserve_index=False)
        connection.register("wanted", wanted.append_column("row", pa.array(np.arange(len(wanted)))))
        query = _JOIN.format(seen=seen, ttl=reach // pd.Timedelta(microseconds=1))
        found = connection.execute(query).fetchnumpy()
    positions[found["row"]] = found["position"]
    return positions
