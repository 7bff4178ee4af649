"""What the prediction log says of a running canary, without waiting for outcomes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection

from evergreen.adapters.database import predictions
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.canary import Guardrails, TrafficLimits
from evergreen.core.canary.guardrails import GUARDRAIL_TRIP, ln_e_of_requests, router_ln_e
from evergreen.core.canary.stages import EVERYBODY

SLOWEST_FLOOR_US = 10_000  # nobody notices less; differences below are scheduling, not models
OVERLAP = timedelta(seconds=10)  # a commit may become visible after one that began later


class CanaryTraffic:
    """Requests of one canary, kept by client and hour; each look reads only what is new.

    A canary whose record fixes no `TrafficLimits` is not judged by its requests.
    """

    def __init__(self) -> None:
        self._about: tuple[str, datetime] | None = None
        self._last: datetime | None = None
        self._seen: dict[tuple[str, str, int, str, bool], datetime] = {}

    def read(self, conn: Connection, rollout: Rollout) -> None:
        """Take in what was logged since the last look; another canary starts anew."""
        limits = _limits(rollout)
        if limits is None:
            return
        about = (str(rollout.challenger), limits.started_at)
        if about != self._about:
            self._about, self._last, self._seen = about, None, {}
        since = max(limits.started_at, self._last - OVERLAP) if self._last else limits.started_at
        rows = predictions.guarded(conn, about[0], since, limits.slow_us)
        for client, arm, version, at, event in rows:
            key = (client, arm, version, at.strftime("%Y-%m-%d %H"), event)
            self._seen[key] = min(at, self._seen.get(key, at))
        self._last = max([at for *_, at, _ in rows] + ([self._last] if self._last else []), default=None)

    def judge(self, rollout: Rollout) -> Guardrails:
        """Sequential tests of the split and of failed or slow answers; a wrong split leaves the rest unjudged."""
        limits = _limits(rollout)
        if limits is None:
            return Guardrails()
        log = self._frame(limits.steps)
        split = self._split(log, limits.steps[-1], rollout.weight)
        if split >= math.log(GUARDRAIL_TRIP):
            return Guardrails(missing=(f"The split is not {rollout.weight / 100:g} % (ln E {split:.1f}).",))
        harm = ln_e_of_requests(log) if log["event"].any() else 0.0
        if harm >= math.log(GUARDRAIL_TRIP):
            mine = log[log["event"] & (log["arm"] == "challenger")]
            sentence = f"Failed or slow answers: {len(mine)} client-hours on the canary (ln E {harm:.1f})."
            return Guardrails(broken=(sentence,))
        return Guardrails()

    def _frame(self, steps: Sequence[tuple[int, int]]) -> pd.DataFrame:
        rows = [(client, arm, version, at, event) for (client, arm, version, _, event), at in self._seen.items()]
        frame = pd.DataFrame(rows, columns=["client", "arm", "version", "at", "event"])
        frame["at"] = pd.to_datetime(frame["at"], utc=True)
        starts = [version for version, _ in steps]
        frame["period"] = [sum(version >= start for start in starts) for version in frame["version"]]
        return frame.astype({"event": bool})

    @staticmethod
    def _split(log: pd.DataFrame, step: tuple[int, int], weight: int) -> float:
        if not weight or weight != step[1]:
            return 0.0
        arms = Counter(log.loc[log["version"] >= step[0]].groupby("client")["arm"].last())
        return router_ln_e(arms, {"champion": EVERYBODY - weight, "challenger": weight})


def traffic_limits(conn: Connection, rollout: Rollout, now: datetime) -> TrafficLimits:
    """What the tests on requests are judged by, fixed before the first one.

    Slow is slower than the champion's own 99th percentile so far, and never below 10 ms.
    """
    usual = predictions.usual_slowness(conn, rollout.champion)
    return TrafficLimits(max(usual or 0, SLOWEST_FLOOR_US), now, ((rollout.version + 1, 0),))


def _limits(rollout: Rollout) -> TrafficLimits | None:
    return rollout.evidence.traffic if rollout.evidence else None
