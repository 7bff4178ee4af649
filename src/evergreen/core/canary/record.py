"""All that a canary is judged by, fixed when it begins, as it is kept beside the rollout: one reader, one writer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from evergreen.core.canary.guardrails import OutputLimits
from evergreen.core.canary.power import Power, PowerPlan
from evergreen.core.canary.quality import QualityTest
from evergreen.core.canary.stages import LADDER, Ladder
from evergreen.errors import BadInput, Broken


@dataclass(frozen=True)
class RollbackWindow:
    """After a promotion: so many sessions from `since` on, `limits` broken bring the previous champion back."""

    since: str
    sessions: int
    limits: OutputLimits


@dataclass(frozen=True, kw_only=True)
class CanaryRecord:
    """The running canary's record, or, with only a `window`, what a fresh champion is watched by.

    `test` is the state of the `QualityTest` as stored; `started` and `looked` are sessions (ISO dates). What an older
    version did not keep is None, and the guardrail it belongs to counts as missing.
    """

    test: Mapping[str, Any] | None = None
    limits: OutputLimits | None = None
    power: PowerPlan | None = None
    started: str | None = None
    looked: str | None = None
    ladder: Ladder = LADDER
    window: RollbackWindow | None = None

    def quality_test(self) -> QualityTest:
        """The test as it stands.

        Raises:
            Broken: there is none, or it cannot be read.
        """
        return QualityTest.from_json(self.test if self.test is not None else {})

    def with_test(self, test: QualityTest, looked: str | None = None) -> Self:
        """The record with the test as it stands after a look in session `looked`; None before the first."""
        return replace(self, test=json.loads(test.to_json()), looked=looked)

    def to_json(self) -> dict[str, Any]:
        """Plain data, without what is None."""
        known = {
            "test": self.test,
            "limits": asdict(self.limits) if self.limits else None,
            "power": self.power.to_dict() if self.power else None,
            "started": self.started,
            "looked": self.looked,
            "window": asdict(self.window) if self.window else None,
            "ladder": None if self.window else self.ladder.to_json(),
        }
        return {name: value for name, value in known.items() if value is not None}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        """The record that `to_json` wrote, in this version or an earlier one.

        Raises:
            Broken: anything else.
        """
        try:
            return cls._read(state)
        except (KeyError, TypeError, ValueError, AttributeError, BadInput) as error:
            raise Broken(
                f"the stored evidence of a rollout cannot be read: {error!r}.",
                "Roll the canary back; its decisions are in the decision log.",
            ) from None

    @classmethod
    def _read(cls, state: Mapping[str, Any]) -> Self:
        test = state.get("test")
        return cls(
            test=json.loads(test) if isinstance(test, str) else test,
            limits=_limits(state.get("limits")),
            power=_power(state.get("power")),
            started=state.get("started"),
            looked=state.get("looked"),
            ladder=Ladder.from_json(state["ladder"]) if "ladder" in state else LADDER,
            window=_window(state.get("window")),
        )


def _limits(row: Mapping[str, Any] | None) -> OutputLimits | None:
    if row is None:
        return None
    limits = OutputLimits(**row)
    return replace(limits, dispersion=(limits.dispersion[0], limits.dispersion[1])) if limits.dispersion else limits


def _power(row: Mapping[str, Any] | None) -> PowerPlan | None:
    if not row or "table" not in row:
        return None
    return PowerPlan(
        scale=row["scale"],
        margin=row["margin"],
        t_max=row["t_max"],
        table=tuple(Power(**power) for power in row["table"]),
        sentence=row["sentence"],
    )


def _window(row: Mapping[str, Any] | None) -> RollbackWindow | None:
    limits = _limits(row["limits"]) if row else None
    return RollbackWindow(row["since"], int(row["sessions"]), limits) if row and limits else None
