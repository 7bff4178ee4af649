"""Forward again from what a served number rests on to the same number."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.adapters.database import ledger, reading
from evergreen.adapters.database.predictions import Prediction
from evergreen.adapters.models.folder import load_model, on_record
from evergreen.audit.explain import find_answer
from evergreen.errors import NotFound
from evergreen.workspace import Workspace


@dataclass(frozen=True)
class Input:
    """One thing a served number rests on: as it is on record and as it was found again."""

    name: str
    recorded: str
    recomputed: str

    @property
    def same(self) -> bool:
        """Whether they are equal, numbers to the bit."""
        return self.recorded == self.recomputed


def reproduce(at: Workspace, prediction_id: str, exported: Path | None = None) -> list[Input]:
    """Compute a served number again: bars of its data version, features, registered model file, price.

    Returns what was compared, in the order it depends on each other; all equal means reproduced to the bit,
    else the first that differs is why.

    Raises:
        NotFound: no such prediction, or the session it stands at left no data version.
        ModelRefused: the model file is not the registered one.
        Broken: the data version is damaged everywhere it is kept.
    """

    name, answer = at.settings.model_name, find_answer(at, prediction_id, exported)
    with reading(at.engine) as conn:
        model = ledger.read_model_version(conn, name, answer.version)
        session = ledger.read_session(conn, name, answer.as_of)
    if session is None or session.data_version is None:
        raise NotFound(
            f"Session {answer.as_of} left no data version.", "Only processed sessions can be computed again."
        )
    with tempfile.TemporaryDirectory() as folder:
        rows, close = _features(at, session.data_version, answer, Path(folder))
    manifest, loaded = load_model(at.model_folder(answer.version), on_record(model.sha256, model.files))
    place = list(rows.index.get_level_values("ticker")).index(answer.ticker)
    row = rows.iloc[[place]]
    if manifest.is_delivered:
        forecast = _delivered(at, answer)
    else:
        matrix = rows[list(manifest.feature_names)].to_numpy(np.float32)
        prepared = loaded.prepare(matrix, np.zeros(len(matrix), dtype=np.intp))
        forecast = float(loaded.predict(prepared[[place]])[0])
    compared = [
        Input("last close", repr(answer.last_close), repr(close)),
        Input("feature row", answer.feature_hash, _row_hash(row, answer.feature_hash)),
    ]
    return [*compared, *_numbers(answer, forecast, close)]


def _delivered(at: Workspace, answer: Prediction) -> float:
    """What is on record as arrived from where the model runs: it is not computed here, now or then.

    Raises:
        NotFound: nothing of that session and ticker is.
    """
    from evergreen.adapters.database import evidence

    with reading(at.engine) as conn:
        arrived = evidence.forecasts(conn, answer.version, pd.Timestamp(answer.as_of)).set_index("ticker")["value"]
    if answer.ticker not in arrived.index:
        raise NotFound(
            f"No forecast of {answer.ticker} for {answer.as_of} is on record as delivered to version {answer.version}.",
            "It was served without one: look at who changed the database.",
        )
    return float(arrived[answer.ticker])


def _features(at: Workspace, data_version: str, answer: Prediction, folder: Path) -> tuple[pd.DataFrame, float]:
    """Features of every ticker of the prediction's session, and its raw close, from its data version alone.

    All of them, because a model may rank a ticker among the others; as served, a ticker of which nothing is known
    is none of them.
    """
    from evergreen.adapters.bars import BarStore

    day, calendar = pd.Timestamp(answer.as_of), at.calendar
    reach = calendar.next(day, -at.features.lookback)
    store = BarStore(at.snapshots.checkout(data_version, folder), calendar)
    bars = store.as_of(start=reach, end=day)
    own = bars[(bars["ticker"] == answer.ticker) & (bars["session"] == day)]
    if own.empty:
        raise NotFound(
            f"Data version {data_version} has no bar of {answer.ticker} in {answer.as_of}.", "See `data log`."
        )
    rows = at.features.compute(bars, calendar.sessions(reach, day), since=day).astype(np.float32)
    return rows[np.isfinite(rows.to_numpy()).any(axis=1)], float(own["close"].iloc[0])


def _row_hash(row: pd.DataFrame, recorded: str) -> str:
    """The hash of a row; one answered from before the last factors were declared was made without them."""
    from evergreen.core.features import FEATURE_NAMES
    from evergreen.core.features.row_hashes import row_hashes

    widths = range(len(row.columns), len(FEATURE_NAMES) - 1, -1)
    hashes = [str(row_hashes(row.iloc[:, :width].to_numpy(np.float32))[0]) for width in widths]
    return recorded if recorded in hashes else hashes[0]


def _numbers(answer: Prediction, forecast: float, close: float) -> list[Input]:
    if answer.price is None:
        return [Input("forecast", repr(answer.forecast), repr(forecast))]
    return [
        Input("forecast return", repr(answer.forecast), repr(forecast)),
        Input("price", repr(answer.price), repr(close * math.exp(forecast))),
    ]
