"""A market as arrays: factors and labels of every bar, sessions in order, kept in files that processes share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.bars.calendar import Calendar
from evergreen.core.dataset.panel import Panel
from evergreen.core.features import FEATURE_NAMES, alpha158
from evergreen.core.model.aim import Aim
from evergreen.core.model.intervals import panel_scales
from evergreen.core.model.targets.protocol import Target
from evergreen.core.model.targets.registry import target
from evergreen.replay.bars import CleanBars

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

TICKERS_AT_ONCE = 25  # factors of so many are in memory beside the file they go to


@dataclass(frozen=True, eq=False)
class Market:
    """Every bar of a panel by session and ticker, as known at its session's close; the labels as they came true.

    Attributes:
        sessions: with at least one bar, in order; a session's number is its place here.
        ends_week: by session: the exchange's next session lies in another week.
        tickers: sorted; a row names its ticker by place.
        first_row: of each session, and the number of rows at the end.
        ticker: of each row.
        matrix: factors of each row, float32.
        label: of each row, NaN where it never became known.
        aim: what the labels are of.
        refused: by session: rows delivered, and refused.
        digest: SHA-256 of all of it.
    """

    sessions: pd.DatetimeIndex
    ends_week: NDArray[np.bool_]
    tickers: NDArray[np.object_]
    first_row: Ints
    ticker: NDArray[np.int32]
    matrix: NDArray[np.float32]
    label: Floats
    aim: Aim
    refused: NDArray[np.int64]
    digest: str

    @property
    def horizon(self) -> int:
        """Sessions ahead of the labels."""
        return self.aim.horizon

    @property
    def target(self) -> Target:
        """What the labels are of."""
        return target(self.aim.target)

    def rows(self, start: int, stop: int) -> slice:
        """Rows of the sessions numbered start <= i < stop."""
        return slice(int(self.first_row[start]), int(self.first_row[stop]))

    @cached_property
    def labelled(self) -> Ints:
        """The rows whose label is known in the end."""
        return np.flatnonzero(np.isfinite(self.label))

    @cached_property
    def outcomes(self) -> Ints:
        """By session, how many of its labels become known."""
        return np.add.reduceat(np.isfinite(self.label).astype(np.intp), self.first_row[:-1])

    @cached_property
    def panel(self) -> Panel:
        """The rows with a label, as trainings take them; tickers by their place."""
        rows = self.labelled
        session = self.session_of(rows)
        present, first = np.unique(session, return_index=True)
        contiguous = len(rows) == 0 or rows[-1] - rows[0] + 1 == len(rows)
        matrix = self.matrix[rows[0] : rows[-1] + 1] if contiguous else Picked(self.matrix, rows)
        return Panel(
            matrix=matrix,
            label=self.label[rows],
            tickers=self.ticker[rows].astype(object),
            sessions=self.sessions[present].rename("session"),
            first_row=np.append(first, len(rows)).astype(np.intp),
            feature_names=FEATURE_NAMES,
        )

    @cached_property
    def scale(self) -> Floats:
        """The scale of every labelled row's outcome, as known before it."""
        return panel_scales(self.panel, self.horizon)[0]

    def session_of(self, rows: Ints) -> Ints:
        """The number of the session of each of the rows."""
        return np.searchsorted(self.first_row, rows, side="right") - 1

    def known(self, session: int) -> int:
        """How many sessions of `panel` have labels that are known at the close of a session."""
        last = session - self.horizon
        return int(self.panel.sessions.searchsorted(self.sessions[last], side="right")) if last >= 0 else 0

    def until(self, stop: int) -> Panel:
        """The first `stop` sessions of `panel`, without a copy."""
        whole, end = self.panel, int(self.panel.first_row[stop])
        matrix = whole.matrix[:end] if isinstance(whole.matrix, np.ndarray) else whole.matrix
        return Panel(
            matrix,
            whole.label[:end],
            whole.tickers[:end],
            whole.sessions[:stop],
            whole.first_row[: stop + 1],
            whole.feature_names,
        )


class Picked:
    """Some rows of a matrix, copied when they are asked for."""

    def __init__(self, matrix: NDArray[np.float32], rows: Ints) -> None:
        self._matrix, self._rows = matrix, rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, features."""
        return len(self._rows), self._matrix.shape[1]

    def __getitem__(self, rows: Any, /) -> NDArray[np.float32]:
        return np.asarray(self._matrix[self._rows[rows]])


def build_market(
    clean: CleanBars, aim: Aim, folder: Path, progress: Callable[[float], None] = lambda share: None
) -> Market:
    """Compute a market's arrays into `folder`, or find them there.

    Factors are computed for some tickers at a time and put in place, so that memory never holds them twice.
    """
    bars, digest = clean.bars, _digest(clean, aim)
    if (folder / "market.json").exists() and json.loads((folder / "market.json").read_text())["digest"] == digest:
        return open_market(folder)
    folder.mkdir(parents=True, exist_ok=True)
    bars = bars.sort_values(["session", "ticker"], ignore_index=True)
    days = pd.DatetimeIndex(bars["session"].unique())
    tickers = np.array(sorted(bars["ticker"].unique()), dtype=object)
    codes = pd.Categorical(bars["ticker"], categories=tickers).codes.astype(np.int32)
    session = days.searchsorted(bars["session"])
    label = target(aim.target).label(bars, aim.horizon)
    _store(folder, "label", label.reindex(pd.MultiIndex.from_frame(bars[["ticker", "session"]])).to_numpy())
    _store(folder, "ticker", codes)
    _store(folder, "first_row", np.searchsorted(session, np.arange(len(days) + 1)).astype(np.intp))
    _store(folder, "session", days.to_numpy("datetime64[us]"))
    _store(folder, "refused", clean.refused.reindex(days, fill_value=0)[["rows", "refused"]].to_numpy(np.int64))
    _fill_matrix(folder, bars, codes, tickers, Calendar(clean.calendar).sessions(days[0], days[-1]), progress)
    facts = {"digest": digest, "aim": aim, "tickers": tickers.tolist(), "calendar": clean.calendar}
    (folder / "market.json").write_text(json.dumps(facts))
    return open_market(folder)


def open_market(folder: Path) -> Market:
    """The market that `build_market` left in a folder; its arrays stay in the files and are shared by processes."""
    facts = json.loads((folder / "market.json").read_text())
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("matrix", "label", "ticker")}
    days = pd.DatetimeIndex(np.load(folder / "session.npy"))
    return Market(
        sessions=days,
        ends_week=_ends_week(days, facts["calendar"]),
        tickers=np.array(facts["tickers"], dtype=object),
        first_row=np.load(folder / "first_row.npy"),
        ticker=arrays["ticker"],
        matrix=arrays["matrix"],
        label=arrays["label"],
        aim=Aim(*facts["aim"]),
        refused=np.load(folder / "refused.npy"),
        digest=facts["digest"],
    )


def _fill_matrix(
    folder: Path,
    bars: pd.DataFrame,
    codes: NDArray[np.int32],
    tickers: NDArray[np.object_],
    calendar: pd.DatetimeIndex,
    progress: Callable[[float], None],
) -> None:
    shape = (len(bars), len(FEATURE_NAMES))
    matrix = np.lib.format.open_memmap(folder / "matrix.npy", mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, len(tickers), TICKERS_AT_ONCE):
        rows = np.flatnonzero((codes >= start) & (codes < start + TICKERS_AT_ONCE))
        rows = rows[np.argsort(codes[rows], kind="stable")]  # by ticker and session, as factors come
        matrix[rows] = alpha158(bars.iloc[rows], calendar).to_numpy()
        progress(min(1.0, (start + TICKERS_AT_ONCE) / len(tickers)))
    matrix.flush()


def _store(folder: Path, name: str, values: NDArray[Any]) -> None:
    np.save(folder / f"{name}.npy", values, allow_pickle=False)


def _ends_week(days: pd.DatetimeIndex, calendar: str) -> NDArray[np.bool_]:
    exchange = Calendar(calendar).sessions(days[0], days[-1] + pd.Timedelta(days=14))
    following = exchange[np.minimum(exchange.searchsorted(days, side="right"), len(exchange) - 1)]
    weeks = [day.isocalendar()[:2] for day in days]
    return np.array([after.isocalendar()[:2] != week for after, week in zip(following, weeks, strict=True)])


def _digest(clean: CleanBars, aim: Aim) -> str:
    hashed = pd.util.hash_pandas_object(clean.bars, index=False).to_numpy()
    facts = f"{aim} {clean.calendar} {hashlib.sha256(clean.refused.to_csv().encode()).hexdigest()}"
    return hashlib.sha256(hashed.tobytes() + facts.encode()).hexdigest()
