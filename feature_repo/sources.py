"""Where feature rows lie: one folder of Parquet files per view, below the offline store's root.

`event_timestamp` is when a value is known, the close of its session in UTC; `created` is when this version of
it became known.
"""

from feast import FileSource


def _rows_of(view: str) -> FileSource:
    return FileSource(
        name=f"{view}_rows",
        path=view,
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )


alpha158_rows = _rows_of("alpha158")
price_rows = _rows_of("price")
