"""A case in quarantine, judged again among the bars around it."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from evergreen.adapters.bars.held import HeldBars
from evergreen.adapters.database.quarantine import Case
from evergreen.core.quality import Finding, check
from evergreen.workspace import Workspace

AROUND = pd.Timedelta(days=60)  # of the bars a held one is judged among
NEAR = 5  # bars shown on either side of a held one: a week


def held_bars(at: Workspace) -> HeldBars:
    """The files of refused bars."""
    return HeldBars(at.settings.quarantine)


def outstanding(at: Workspace, case: Case) -> pd.DataFrame:
    """The held bars that no later delivery has answered: columns as held, `restates` included."""
    bars = held_bars(at).read(case.id)
    stored = at.bars.as_of(tickers=[case.ticker], start=bars["session"].min(), end=bars["session"].max())
    pairs = bars[["session", "restates"]].merge(stored[["session", "known_at", "known_at_assumed"]], how="left")
    later = pairs["known_at"] > pd.Timestamp(case.opened_at)
    loaded = pairs["known_at_assumed"].eq(True) & ~pairs["restates"]
    return bars[~(later | loaded).to_numpy()]


def is_near(case: Case, came: pd.DatetimeIndex) -> bool:
    """Whether bars of the sessions `came` can settle a case: among those it was, or would now be, judged by."""
    first, last = pd.Timestamp(case.first_session) - AROUND, pd.Timestamp(case.last_session) + AROUND
    opened = pd.Timestamp(case.opened_at).tz_localize(None)  # later sessions are left aside, as they were then
    return bool(((came >= first) & (came <= min(last, max(opened, pd.Timestamp(case.last_session))))).any())


def judge(at: Workspace, case: Case, bars: pd.DataFrame, known_at: datetime | None = None) -> list[Finding]:
    """What keeps the case's `bars` out of the store, judged among the bars known at `known_at`, by default now.

    Sessions that closed after the case was opened are left aside, as they were then.
    """
    days = at.calendar.closed(bars["session"].min() - AROUND, case.opened_at)
    among = _around(at, case, bars, known_at)
    earlier = among["session"] < bars["session"].min()
    delivered = pd.concat([among[~earlier], bars[among.columns]], ignore_index=True)
    findings = check(delivered, days, as_of=days[-1], history=among[earlier])
    return [each for each in findings if each.severity != "warn" and bars["session"].isin(each.days).any()]


def among_neighbours(at: Workspace, case: Case) -> pd.DataFrame:
    """The held bars in the series around them, by session; `held` marks them, `near` the five bars beside."""
    bars = held_bars(at).read(case.id)
    stored = _around(at, case, bars)
    series = pd.concat([stored.assign(held=False), bars[stored.columns].assign(held=True)], ignore_index=True)
    series = series.sort_values("session", ignore_index=True)
    near = series["held"].rolling(2 * NEAR + 1, center=True, min_periods=1).max()
    return series.assign(near=near.astype(bool))


def _around(at: Workspace, case: Case, bars: pd.DataFrame, known_at: datetime | None = None) -> pd.DataFrame:
    """The stored bars of the ticker near the held ones, up to the last session closed when the case was opened."""
    first = bars["session"].min() - AROUND
    last = at.calendar.closed(first, case.opened_at)[-1]
    instant = None if known_at is None else pd.Timestamp(known_at)
    stored = at.bars.as_of(instant, [case.ticker], first, min(last, bars["session"].max() + AROUND))
    return stored[~stored["session"].isin(bars["session"])]


def has_moved(at: Workspace, case: Case, bars: pd.DataFrame) -> bool:
    """Whether anything near the held bars became known after they were refused."""
    return bool((_around(at, case, bars)["known_at"] > pd.Timestamp(case.opened_at)).any())
