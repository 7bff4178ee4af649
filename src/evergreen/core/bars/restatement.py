"""What changed between two states of the bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from evergreen.core.bars.schema import KEYS, NUMBERS


class RestatedBar(NamedTuple):
    """A bar that was told twice; when each telling became known, UTC."""

    ticker: str
    session: pd.Timestamp
    first_known: pd.Timestamp
    restated_at: pd.Timestamp


@dataclass(frozen=True)
class Difference:
    """Two states of the bars, compared.

    Attributes:
        restated: one row per bar both have and number that differs: ticker, session, column, before, after,
            first_known and restated_at (UTC: when the earlier and the later of the two became known).
        added: ticker, session of the bars that only the later state has.
        withdrawn: ticker, session of the bars that only the earlier state has.
    """

    restated: pd.DataFrame
    added: pd.DataFrame
    withdrawn: pd.DataFrame

    def bars(self) -> list[RestatedBar]:
        """The restated bars, by ticker and session."""
        once = self.restated[list(RestatedBar._fields)].drop_duplicates(KEYS)
        return [RestatedBar(*bar) for bar in once.itertuples(index=False, name=None)]


def compare(before: pd.DataFrame, after: pd.DataFrame) -> Difference:
    """What `after` says otherwise than `before`; both hold one bar a ticker and session, NaN equal to NaN."""
    columns = [*KEYS, *NUMBERS, "known_at"]
    both = before[columns].merge(after[columns], on=KEYS, how="outer", suffixes=("", "_after"), indicator="held")
    common = both[both["held"] == "both"]
    return Difference(
        restated=_restated(common),
        added=both.loc[both["held"] == "right_only", KEYS].reset_index(drop=True),
        withdrawn=both.loc[both["held"] == "left_only", KEYS].reset_index(drop=True),
    )


def _restated(common: pd.DataFrame) -> pd.DataFrame:
    moments = common[["known_at", "known_at_after"]]
    times = common[KEYS].assign(first_known=moments.min(axis=1), restated_at=moments.max(axis=1))
    changes = [_changes(common, times, name) for name in NUMBERS]
    return pd.concat(changes, ignore_index=True).sort_values(KEYS, kind="stable", ignore_index=True)


def _changes(common: pd.DataFrame, times: pd.DataFrame, name: str) -> pd.DataFrame:
    old, new = common[name], common[f"{name}_after"]
    moved = ~(old.eq(new) | (old.isna() & new.isna()))
    changes = times[moved].assign(column=name, before=old[moved], after=new[moved])
    return changes[[*KEYS, "column", "before", "after", "first_known", "restated_at"]]
