"""The right bars for a quarantine case, as a person gives them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from evergreen.adapters.bars import read_any
from evergreen.adapters.database import quarantine, reading
from evergreen.core.bars.schema import NUMBERS
from evergreen.errors import BadInput
from evergreen.market_data.held_case import held_bars
from evergreen.workspace import Workspace

_CHANGE = re.compile(r"(\d{4}-\d{2}-\d{2})\.([a-z]+)=(.+)")


def corrected(at: Workspace, case_id: str, changes: Sequence[str], file: Path | None) -> pd.DataFrame:
    """The bars of a case, as held but for `changes` (SESSION.COLUMN=VALUE) and the bars of `file`.

    Raises:
        BadInput: nothing was changed, a change that says nothing, or a file without the case's bars.
        NotFound: no such case.
    """
    with reading(at.engine) as conn:
        case = quarantine.find(conn, case_id)
    bars = held_bars(at).read(case_id).set_index("session")[list(NUMBERS)]
    if file is not None:
        replacement = read_any(file)
        right = replacement[(replacement["ticker"] == case.ticker) & replacement["session"].isin(bars.index)].set_index(
            "session"
        )
        if right.empty:
            raise BadInput(f"{file} has no bar of {case.ticker} that case {case_id} holds.", "Name another file.")
        bars.update(right[list(NUMBERS)])
    elif not changes:
        raise BadInput("a repair changes something.", "Give --set SESSION.COLUMN=VALUE or --from FILE.")
    for change in changes:
        session, column, value = _parsed(change, bars)
        bars.loc[session, column] = value
    return bars.reset_index()


def _parsed(change: str, bars: pd.DataFrame) -> tuple[pd.Timestamp, str, float]:
    parts = _CHANGE.fullmatch(change)
    try:
        session, column, value = pd.Timestamp(parts[1]), parts[2], float(parts[3])  # type: ignore[index]
    except (TypeError, ValueError):
        raise BadInput(f"{change!r} says nothing.", "Write it as 2008-09-15.close=112.5.") from None
    if not math.isfinite(value):
        raise BadInput(f"{change!r} gives no number.", "Write it as 2008-09-15.close=112.5.")
    if session not in bars.index or column not in NUMBERS:
        raise BadInput(f"{change!r} names no number of the case.", f"Columns are {', '.join(NUMBERS)}.")
    return session, column, value
