"""The schedules of prefect.yaml, moved from New York's day to that of the exchange."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pandas as pd

from evergreen.settings import MarketSettings
from evergreen.workspace import calendar_of

MINUTE, DAY = pd.Timedelta(minutes=1), pd.Timedelta(days=1)


def in_market(declared: Mapping[str, Any], market: MarketSettings) -> dict[str, Any]:
    """`declared` with every schedule on the exchange's clock, as long after its usual close as it was in New York.

    A session that the exchange held on an unusual day is walked by the next day's run.
    """
    declaration = deepcopy(dict(declared))
    calendar = calendar_of(market)
    for deployment in declaration["deployments"]:
        for schedule in deployment.get("schedules", []):
            schedule |= {"cron": _moved(schedule["cron"], market), "timezone": calendar.zone}
    return declaration


def _moved(cron: str, market: MarketSettings) -> str:
    """The same work after the market's close; a schedule of every day and hour stays as it is."""
    minute, hour, *_ = cron.split()
    if not (minute.isdigit() and hour.isdigit()):
        return cron
    after = pd.Timedelta(hours=int(hour), minutes=int(minute)) - _final(MarketSettings())
    start = _final(market) + after
    later, clock = start // DAY, start % DAY // MINUTE
    days = sorted((day + 1 + later) % 7 for day in calendar_of(market).weekdays)  # cron's week begins on Sunday
    return f"{clock % 60} {clock // 60} * * {','.join(map(str, days)) if len(days) < 7 else '*'}"


def _final(market: MarketSettings) -> pd.Timedelta:
    """When a session's bars are final, from its midnight on the exchange's clock."""
    return calendar_of(market).usual_close + market.delay
