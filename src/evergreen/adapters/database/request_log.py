"""What the prediction log says of a running canary, without waiting for outcomes."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection

from evergreen.adapters.database import predictions
from evergreen.adapters.database.rollouts import Rollout
from evergreen.core.canary import Guardrails
from evergreen.core.canary.guardrails import TRIP, ln_e_of_requests, router_ln_e

SLOWEST_FLOOR_US = 10_000  # nobody notices less; differences below are scheduling, not models
OVERLAP = timedelta(seconds=10)  # a commit may become visible after one that began later


class RequestLog:
    """Requests of one canary, kept by client and hour; each look reads only what is new."""

    def __init__(self) -> None:
        self._about: tuple[str, str] | None = None
        self._last: datetime | None = None
        self._seen: dict[tuple[str, str, int, str, bool], datetime] = {}

    def read(self, conn: Connection, rollout: Rollout) -> None:
        """Take in what was logged since the last look; another canary starts anew."""
        evidence = rollout.evidence or {}
        about = (str(rollout.challenger), str(evidence["started_at"]))
        if about != self._about:
            self._about, self._last, self._seen = about, None, {}
        began = datetime.fromisoformat(evidence["started_at"])
        since = max(began, self._last - OVERLAP) if self._last else began
        found = predictions.guarded(conn, about[0], since, int(evidence["slow_us"]))
        for client, arm, version, at, event in found:
            key = (client, arm, version, at.strftime("%Y-%m-%d %H"), event)
            self._seen[key] = min(at, self._seen.get(key, at))
        self._last = max([at for *_, at, _ in found] + ([self._last] if self._last else []), default=None)

    def judge(self, rollout: Rollout) -> Guardrails:
        """Sequential tests of the split and of failed or slow answers; a wrong split leaves the rest unjudged."""
        steps = [(int(version), int(weight)) for version, weight in (rollout.evidence or {})["steps"]]
        log = self._frame(steps)
        split = self._split(log, steps[-1], rollout.weight)
        if split >= math.log(TRIP):
            return Guardrails(missing=(f"The split is not {rollout.weight / 100:g} % (ln E {split:.1f}).",))
        harm = ln_e_of_requests(log) if log["event"].any() else 0.0
        if harm >= math.log(TRIP):
            mine = log[log["event"] & (log["arm"] == "challenger")]
            told = f"Failed or slow answers: {len(mine)} client-hours on the canary (ln E {harm:.1f})."
            return Guardrails(broken=(told,))
        return Guardrails()

    def _frame(self, steps: list[tuple[int, int]]) -> pd.DataFrame:
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
        return router_ln_e(arms, {"champion": 10_000 - weight, "challenger": weight})


def frozen_limits(conn: Connection, rollout: Rollout, now: datetime) -> dict[str, object]:
    """What the tests on requests are judged by, fixed before the first one: `slow_us`, `started_at`, `steps`.

    Slow is slower than the champion's own 99th percentile so far, and never below 10 ms.
    """
    usual = predictions.usual_slowness(conn, rollout.champion)
    slow = max(usual or 0, SLOWEST_FLOOR_US)
    return {"slow_us": slow, "started_at": now.isoformat(), "steps": [[rollout.version + 1, 0]]}
