"""A delivery of forecasts made elsewhere: its rows, which of them were known in time, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.core.bars.session import iso
from evergreen.errors import BadInput

COLUMNS = ("ticker", "session", "forecast", "known_at")
HINT = "A delivery has the columns ticker, session, forecast (a log return, say) and known_at (a time with its zone)."
MOST_MISSING = 0.10  # of the bars since the first forecast: a champion answers for every ticker of every session
LARGEST = 1.0  # log return: a median beyond it is no return but a price or a percentage
NOTHING = pd.DataFrame(
    {
        "ticker": pd.Series(dtype=str),
        "session": pd.Series(dtype="datetime64[us]"),
        "forecast": pd.Series(dtype=np.float64),
        "known_at": pd.Series(dtype="datetime64[us, UTC]"),
    }
)
ZONED = r"[Tt ].*(?:[Zz]|[+-]\d{2}:?\d{2})$"


@dataclass(frozen=True)
class Arrivals:
    """What a delivery comes to; every row of it is counted once, and `missing` are bars without a forecast in time.

    Attributes:
        in_time: columns ticker, session, forecast (of float32's precision).
        late: rows known only when the next session had opened, so that they may know their outcome.
        without_bar: rows of no bar here: an unknown ticker, a day without a session, a session to come.
        not_finite: rows whose forecast is no finite number.
        missing: of the `expected` bars, from the first forecast in time on.
        expected: those bars.
    """

    in_time: pd.DataFrame
    late: int
    without_bar: int
    not_finite: int
    missing: int
    expected: int

    @property
    def sentence(self) -> str:
        """The counts for a person."""
        return (
            f"{len(self.in_time):,} forecasts in time, {self.late:,} late, {self.without_bar:,} of no bar here, "
            f"{self.not_finite:,} without a number; {self.missing:,} of {self.expected:,} are missing."
        )

    @property
    def metrics(self) -> dict[str, float | None]:
        """The counts, as a training's metrics have them."""
        counts = {name: getattr(self, name) for name in ("late", "without_bar", "not_finite", "missing", "expected")}
        return {f"forecasts_{name}": float(count) for name, count in counts.items()}


def parse_delivery(table: pd.DataFrame, place: str, is_return: bool = True) -> pd.DataFrame:
    """The rows of a delivery.

    Args:
        table: as the file at `place` has it; other columns than `COLUMNS` are left out.
        place: for sentences.
        is_return: whether forecasts are log returns, as of the target.

    Returns:
        Columns ticker (str), session (datetime64[us]), forecast (float64; NaN for what is no finite number in
        float32) and known_at (datetime64[us, UTC]).

    Raises:
        BadInput: a column is missing or there twice, there is no row, a session or time cannot be read, a time has no
            zone, a ticker has two forecasts for a session, or the numbers are no returns.
    """
    if lacking := [name for name in COLUMNS if name not in table.columns]:
        raise BadInput(f"{place} lacks {', '.join(lacking)}.", HINT)
    if twice := [name for name in COLUMNS if list(table.columns).count(name) > 1]:
        raise BadInput(f"{place} has more than one column {twice[0]}.", HINT)
    if table.empty:
        raise BadInput(f"{place} holds no forecast.", HINT)
    rows = pd.DataFrame(
        {
            "ticker": table["ticker"].astype(str).str.strip(),
            "session": _sessions(table["session"], place),
            "forecast": _numbers(table["forecast"]),
            "known_at": _instants(table["known_at"], place),
        }
    )
    _require_one_each(rows, place)
    if is_return:
        _require_returns(rows["forecast"], place)
    return rows


def sift(
    delivery: pd.DataFrame, bars: pd.MultiIndex, deadlines: pd.Series, seen_at: pd.Timestamp | None = None
) -> Arrivals:
    """Which forecasts of a delivery count.

    A forecast counts if it was known before the session after its own opened: from then on prices tell its outcome.

    Args:
        delivery: from `parse_delivery`.
        bars: (ticker, session) of the bars that forecasts are due for.
        deadlines: by session, UTC.
        seen_at: when it was read here, for sessions that are lived through: nothing was known earlier, whatever it
            claims. None believes what it claims.
    """
    claimed = delivery["known_at"]
    known_at = claimed if seen_at is None else claimed.where(claimed > seen_at, seen_at)
    due = pd.MultiIndex.from_frame(delivery[["ticker", "session"]]).isin(bars)
    number = delivery["forecast"].notna().to_numpy()
    early = (known_at < delivery["session"].map(deadlines)).to_numpy()
    in_time = delivery.loc[due & number & early, ["ticker", "session", "forecast"]].reset_index(drop=True)
    days = bars.get_level_values("session")
    expected = int((days >= in_time["session"].min()).sum()) if len(in_time) else len(bars)
    return Arrivals(
        in_time=in_time,
        late=int((due & number & ~early).sum()),
        without_bar=int((~due).sum()),
        not_finite=int((due & ~number).sum()),
        missing=expected - len(in_time),
        expected=expected,
    )


def _sessions(column: pd.Series, place: str) -> pd.Series:
    if pd.api.types.is_datetime64_dtype(column):
        days = column.dt.normalize()
    else:
        days = pd.to_datetime(column.astype(str).str.strip(), format="%Y-%m-%d", errors="coerce")
    _require_read(days, column, "session", "no date", "Write 2016-12-30.", place)
    return pd.Series(days.astype("datetime64[us]"))


def _instants(column: pd.Series, place: str) -> pd.Series:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        instants = column.dt.tz_convert("UTC")
    else:
        text = column.astype(str).str.strip()
        zoned = text.where(text.str.contains(ZONED))
        instants = pd.to_datetime(zoned, format="ISO8601", utc=True, errors="coerce")
    _require_read(instants, column, "known_at", "no time with a zone", "Write 2016-12-30T22:15:00Z.", place)
    return pd.Series(instants.astype("datetime64[us, UTC]"))


def _require_read(read: pd.Series, column: pd.Series, name: str, what: str, hint: str, place: str) -> None:
    wrong = np.flatnonzero(read.isna())
    if len(wrong):
        raise BadInput(f"{name} {str(column.iloc[wrong[0]])!r} in row {wrong[0] + 1} of {place} is {what}.", hint)


def _numbers(column: pd.Series) -> pd.Series:
    """As float32 holds them, the precision of every input that is kept and served."""
    with np.errstate(over="ignore"):
        numbers = pd.to_numeric(column, errors="coerce").astype(np.float64).astype(np.float32).astype(np.float64)
    return numbers.where(np.isfinite(numbers))


def _require_one_each(rows: pd.DataFrame, place: str) -> None:
    twice = rows.duplicated(["ticker", "session"]).to_numpy()
    if twice.any():
        ticker, session, *_ = rows[twice].iloc[0]
        raise BadInput(
            f"{place} has two forecasts of {ticker} for {iso(session)}.", "Deliver one: the first that was made."
        )


def _require_returns(forecasts: pd.Series, place: str) -> None:
    beyond = int((forecasts.abs() > LARGEST).sum())
    if beyond and 2 * beyond >= int(forecasts.notna().sum()):
        raise BadInput(
            f"the forecasts in {place} are no log returns: half of them lie beyond {LARGEST:g}.",
            "Deliver log(price then / close of the session).",
        )
