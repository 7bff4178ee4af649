"""A Feast offline store for rows that carry both when they hold and when they became known.

Answers are those of Feast's own DuckDB store, in the order of the entity rows. One as-of join on the keys alone
finds the row that each entity row sees (`core.asof`); the wide rows are then fetched by position, a few columns
at a time, so memory is the answer and little more. It can be used in any repository whose sources are Parquet:

    offline_store:
      type: evergreen.adapters.feast.offline.AsOfOfflineStore
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
from feast.feature_view import FeatureView
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel

from evergreen.adapters.feast import files
from evergreen.adapters.feast.reading import ViewFiles, look_up
from evergreen.errors import BadInput


class AsOfOfflineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc]
    """Where sources with a relative path lie, and the moment beyond which nothing is known (None: everything is)."""

    type: Literal["evergreen.adapters.feast.offline.AsOfOfflineStore"]
    root: str = "."
    known_at: datetime | None = None


class AsOfRetrievalJob(RetrievalJob):  # type: ignore[misc]
    """A retrieval that runs when its answer is asked for."""

    def __init__(
        self,
        run: Callable[[], pa.Table],
        full_names: bool = False,
        metadata: RetrievalMetadata | None = None,
        on_demand: list[OnDemandFeatureView] | None = None,
    ) -> None:
        super().__init__()
        self._run = run
        self._full_names = full_names
        self._metadata = metadata
        self._on_demand = on_demand or []

    def to_df(self, validation_reference: Any = None, timeout: int | None = None) -> pd.DataFrame:
        """As Feast's own, but a column at a time: the Arrow table is given up while the frame is made."""
        table = self.to_arrow(validation_reference, timeout)
        return pd.DataFrame(table.to_pandas(split_blocks=True, self_destruct=True), copy=False)

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
        """Transformations that Feast applies to the answer."""
        return self._on_demand

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """What was asked for."""
        return self._metadata


class AsOfOfflineStore(OfflineStore):  # type: ignore[misc]
    """Reads Parquet files, such as `files.append` writes."""

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
        """Entity rows in their order, with the features each of them could see; see the module.

        Raises:
            BadInput: entity rows that are not a DataFrame.
            NotFound: when the answer is asked for: a view without a stored row.
        """
        if not isinstance(entity_df, pd.DataFrame):
            raise BadInput("entity rows must be a DataFrame.", "This store runs no SQL of its own.")
        at = infer_event_timestamp_from_entity_df(dict(entity_df.dtypes))
        entities = entity_df.assign(**{at: pd.to_datetime(entity_df[at], utc=True)})
        store = config.offline_store

        def run() -> pa.Table:
            table = pa.Table.from_pandas(entities, preserve_index=False).replace_schema_metadata(None)
            for view in feature_views:
                names = _names_of(view, feature_refs)
                columns = look_up(
                    _source(store, view, names),
                    names,
                    entities,
                    entities[at],
                    pd.Timedelta(view.ttl) if view.ttl else None,
                    filter_by_created_timestamp,
                    _aware(store.known_at),
                )
                prefix = f"{view.projection.name_alias or view.name}__" if full_feature_names else ""
                for name, column in zip(names, columns, strict=True):
                    table = table.append_column(f"{prefix}{name}", column)
            return table

        keys = [name for name in entities.columns if name != at]
        metadata = RetrievalMetadata(feature_refs, keys, *entities[at].agg(["min", "max"]))
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        return AsOfRetrievalJob(run, full_feature_names, metadata, on_demand)

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
        """The last known version of each key's last event in the period."""
        instants = [timestamp_field, *filter(None, [created_timestamp_column])]
        columns = [*join_key_columns, *instants, *feature_name_columns]
        rows = _period(config.offline_store, data_source, columns, instants, start_date, end_date)
        return AsOfRetrievalJob(lambda: files.newest(rows(), join_key_columns, instants))

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
        instants = [timestamp_field, *filter(None, [created_timestamp_column])]
        columns = [*join_key_columns, *feature_name_columns, *instants]
        return AsOfRetrievalJob(_period(config.offline_store, data_source, columns, instants, start_date, end_date))


def _names_of(view: FeatureView, feature_refs: list[str]) -> list[str]:
    prefix = f"{view.projection.name_to_use()}:"
    return [reference.removeprefix(prefix) for reference in feature_refs if reference.startswith(prefix)]


def _source(store: AsOfOfflineStoreConfig, view: FeatureView, names: list[str]) -> ViewFiles:
    """In the files, columns bear the names that the source maps from."""
    source = view.batch_source
    stored = {new: old for old, new in source.field_mapping.items()}
    keys = view.projection.join_key_map or {column.name: column.name for column in view.entity_columns}
    return ViewFiles(
        place=_place(store, source),
        keys={entity: stored.get(own, own) for own, entity in keys.items()},
        event=stored.get(source.timestamp_field, source.timestamp_field),
        created=stored.get(source.created_timestamp_column, source.created_timestamp_column) or None,
        renamed={name: stored[name] for name in names if name in stored},
    )


def _place(store: AsOfOfflineStoreConfig, source: Any) -> Path:
    return Path(store.root) / str(source.path).removeprefix("file://")


def _aware(moment: datetime | None) -> pd.Timestamp | None:
    if moment is None:
        return None
    stamp = pd.Timestamp(moment)
    return stamp if stamp.tz else stamp.tz_localize(UTC)


def _period(
    store: AsOfOfflineStoreConfig,
    source: Any,
    columns: list[str],
    instants: list[str],
    start: datetime | None,
    end: datetime | None,
) -> Callable[[], pa.Table]:
    event, created = instants[0], instants[1] if len(instants) > 1 else None
    after, until, known_at = _aware(start), _aware(end), _aware(store.known_at)
    place, unique = _place(store, source), list(dict.fromkeys(columns))
    return lambda: files.read(place, unique, after, until, known_at, event, created)
