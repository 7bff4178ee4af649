"""The training set as arrays in one canonical order, so that equal data have equal hashes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.errors import BadInput

KEYS = ("ticker", "session")
LABEL = "label"
TOGETHER = 16  # columns of float32: a line of the cache


class Matrix(Protocol):
    """Rows x features, float32, that are read in parts: an array, or what lies in a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, features."""

    def __getitem__(self, rows: Any, /) -> Any:
        """The rows of a slice, or of increasing places."""


class Columns(Protocol):
    """A training set that is read by column: a frame, or a file too large to be one (`adapters.training_file`)."""

    @property
    def columns(self) -> Any:
        """Names, in order."""

    @property
    def attrs(self) -> Any:
        """What stays with it: the look-ahead audit."""

    def __getitem__(self, name: Any, /) -> Any:
        """The column of a name, a series; the frame of a list of names."""


class StoredTrainingSet(Columns, Protocol):
    """A training set that lies in a file."""

    def matrix(self, names: tuple[str, ...], rows: NDArray[np.intp]) -> Matrix:
        """The features `names` of these rows, in memory or read when they are asked for."""


TrainingSet = pd.DataFrame | StoredTrainingSet


def training_frame(features: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Join features and labels into the one shape every training starts from.

    Args:
        features: MultiIndex (ticker, session), float32 columns.
        labels: on the same kind of index; features without a label keep NaN.

    Returns:
        Columns ticker (str), session (datetime64[us]), the features in their order (float32), label
        (float64), sorted by session and ticker. Label t is known only at the close of t + horizon.
    """
    index = features.index
    tickers = index.get_level_values("ticker").astype(str)
    sessions = pd.DatetimeIndex(index.get_level_values("session")).as_unit("us")
    order = np.lexsort((tickers.to_numpy(dtype=str), sessions.to_numpy()))
    keys = pd.DataFrame({"ticker": tickers.take(order), "session": sessions.take(order)})
    body = features.astype(np.float32, copy=False).take(order)  # the one copy that is made of them
    body.index = keys.index
    label = pd.Series(labels.reindex(index).to_numpy(np.float64)[order], name=LABEL)
    return pd.concat([keys, body, label], axis=1, copy=False)


def training_set_sha256(training_set: Columns) -> str:
    """SHA-256 over column names and values; the same for a frame and its copy read back from Parquet."""
    digest = hashlib.sha256()
    names = list(training_set.columns)
    for start in range(0, len(names), TOGETHER):
        for name, column in training_set[names[start : start + TOGETHER]].items():
            digest.update(f"{name}\0".encode())
            digest.update(_column_bytes(column))
    return digest.hexdigest()


@dataclass(frozen=True)
class Panel:
    """Rows with a known label by session and ticker; the first n sessions are a prefix of the rows."""

    matrix: Matrix
    label: NDArray[np.float64]
    tickers: NDArray[np.object_]
    sessions: pd.DatetimeIndex
    first_row: NDArray[np.intp]  # of each session, and the number of rows at the end
    feature_names: tuple[str, ...]

    def rows(self, start: int, stop: int) -> slice:
        """Rows of the sessions numbered start <= i < stop."""
        return slice(int(self.first_row[start]), int(self.first_row[stop]))

    def until(self, stop: int) -> Panel:
        """The first `stop` sessions and nothing that knows of others; features that lie in a file are read."""
        end = int(self.first_row[stop])
        return replace(
            self,
            matrix=self.matrix[0:end],
            label=self.label[:end],
            tickers=self.tickers[:end],
            sessions=self.sessions[:stop],
            first_row=self.first_row[: stop + 1],
        )

    def keys(self, start: int, stop: int) -> pd.DataFrame:
        """Columns ticker and session of those rows."""
        counts = np.diff(self.first_row[start : stop + 1])
        return pd.DataFrame(
            {
                "ticker": self.tickers[self.rows(start, stop)],
                "session": self.sessions[start:stop].repeat(counts),
            }
        )


def labelled_panel(training_set: TrainingSet) -> Panel:
    """Arrays of the rows whose label is known.

    Raises:
        BadInput: a missing column, no features, a repeated row, or no label at all.
    """
    names = _feature_names(training_set)
    places = np.flatnonzero(np.isfinite(training_set[LABEL]))
    rows: pd.DataFrame = training_set[[*KEYS, LABEL]].iloc[places]
    known = rows.set_axis(places).sort_values(["session", "ticker"])
    if known.empty:
        raise BadInput("no row of the training set has a label.", "Bring sessions older than the horizon.")
    if known.duplicated(list(KEYS)).any():
        raise BadInput("the training set repeats a ticker and session.", "Join one state of features and labels.")
    sessions, first_row = np.unique(known["session"].to_numpy(), return_index=True)
    rows_in_order = known.index.to_numpy()
    stored = None if isinstance(training_set, pd.DataFrame) else training_set
    return Panel(
        matrix=stored.matrix(names, rows_in_order) if stored else matrix_of(training_set, names, rows_in_order),
        label=known[LABEL].to_numpy(dtype=np.float64),
        tickers=known["ticker"].to_numpy(dtype=object),
        sessions=pd.DatetimeIndex(sessions, name="session"),
        first_row=np.append(first_row, len(known)),
        feature_names=names,
    )


def matrix_of(training_set: Columns, names: tuple[str, ...], rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """The features of these rows, some columns at a time: a copy of the frame would cost as much again."""
    matrix = np.empty((len(rows), len(names)), dtype=np.float32)
    for start in range(0, len(names), TOGETHER):
        part = list(names[start : start + TOGETHER])
        matrix[:, start : start + TOGETHER] = training_set[part].to_numpy()[rows]
    return matrix


def _feature_names(training_set: Columns) -> tuple[str, ...]:
    missing = {*KEYS, LABEL} - set(training_set.columns)
    names = tuple(str(name) for name in training_set.columns if name not in {*KEYS, LABEL})
    if missing or not names:
        lacking = ", ".join(sorted(missing)) or "feature columns"
        raise BadInput(f"the training set lacks {lacking}.", "Build it with training_frame(features, labels).")
    return names


def _column_bytes(column: pd.Series) -> bytes:
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.to_numpy(dtype="datetime64[us]").tobytes()
    if pd.api.types.is_float_dtype(column):
        return column.to_numpy().tobytes()
    return "\0".join(column.astype(str)).encode()
