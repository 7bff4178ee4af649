"""The canary's quality test: champion against challenger, looked at every session, stopped any time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from evergreen.core.canary.belief import Measured, contradicts, expected_gain
from evergreen.core.canary.betting import WORST, history_difference
from evergreen.core.canary.rules import Looks, Rules, look, rules_from
from evergreen.core.canary.session_key import Session, session_key
from evergreen.core.canary.verdict import CanaryVerdict
from evergreen.core.evaluation.losses import Statistic, difference
from evergreen.errors import BadInput, Broken

FORMAT = 1  # of the stored state; raised when its meaning changes


@dataclass(frozen=True)
class SessionEvidence:
    """The evidence as it stood after one session."""

    session: str
    r: float
    e_promote: float
    e_rollback: float


class QualityTest:
    """A sequential test that can be looked at after every session without inflating its error rates.

    The chance that a challenger worse than the champion by more than `margin` is ever promoted is at most
    `alpha_promote`, that one no worse than the champion is ever rolled back at most `alpha_rollback`. That is a
    theorem about the clipped differences x, r over the scale and cut at -1 and 1: it holds wherever the conditional
    means of x, given what came before, average to that null or beyond it. Where clipping itself moves the mean (a
    gain or a loss that comes in rare, large sessions), or where sessions are correlated more than their history shows,
    it does not hold; for autocorrelation as the history shows it, it does by simulation (docs/decisions/0016). The
    test shows "not worse than the margin" and catches broken models; it cannot prove a gain of a percent or two in
    weeks.

    Args:
        champion_history: losses per session from before the start, at least 60, out of sample.
        challenger_history: losses over the same sessions and tickers.
        margin: in units of r; by default a quarter of the frozen scale, at most 0.10.
        alpha_promote: bound on false promotions; promotes at E_promote >= 1/alpha_promote.
        alpha_rollback: bound on false rollbacks; rolls back at E_rollback >= 1/alpha_rollback.
        t_min: sessions before a promotion is possible.
        t_max: sessions after which the test ends inconclusive.

    Everything is frozen here; `update` only adds sessions. With a label horizon of h sessions, bets go to h streams of
    sessions whose outcomes do not overlap, each decision waits until it has stood for h sessions, and `t_min` and
    `t_max` count outcomes that do not overlap; those rates are by simulation.

    Raises:
        BadInput: a history that is too short, unpaired, negative or not finite; a rule outside its range.
    """

    def __init__(
        self,
        champion_history: ArrayLike,
        challenger_history: ArrayLike,
        margin: float | None = None,
        alpha_promote: float = 0.05,
        alpha_rollback: float = 0.10,
        t_min: int = 8,
        t_max: int = 60,
    ) -> None:
        r = history_difference(champion_history, challenger_history)
        self._begin(rules_from(r, margin, (alpha_promote, alpha_rollback), t_min, t_max))

    @classmethod
    def under(cls, rules: Rules) -> Self:
        """A test that begins under rules which are fixed already."""
        test = cls.__new__(cls)
        test._begin(rules)
        return test

    def _begin(self, rules: Rules) -> None:
        self.rules = rules
        self._r: dict[str, float] = {}
        self._explained: dict[str, str] = {}
        self._decision = CanaryVerdict.CONTINUE
        self._looks: Looks | None = None

    def update(self, session: Session, champion_loss: float, challenger_loss: float) -> CanaryVerdict:
        """Add one session's mean losses over the same tickers and say what now holds.

        A session already seen changes nothing, nor does anything after a final decision. Sessions count in
        the order they arrive: a late one is appended, and what was decided before it stands. A challenger loss that is
        not finite counts as the worst there is (r = -2).

        Raises:
            BadInput: a champion loss that is not finite, or a negative loss; nothing is added.
        """
        key = session_key(session)
        if self._decision is CanaryVerdict.CONTINUE and key not in self._r:
            self._r[key] = _paired(self.rules.statistic, key, champion_loss, challenger_loss)
            self._look()
            self._decision = self._decide()
        return self._decision

    def explain(self, session: Session, reason: str) -> None:
        """Write down why a session's loss was wild, so that it no longer bars a later promotion.

        Raises:
            BadInput: a session not seen yet, or an empty reason.
        """
        key = session_key(session)
        if key not in self._r or not reason.strip():
            raise BadInput(f"session {key} cannot be explained.", "Name a session already seen, and a reason.")
        self._explained[key] = reason

    def _look(self) -> None:
        explained = np.array([key in self._explained for key in self._r])
        self._looks = look(np.array(list(self._r.values())), self.rules, explained)

    def _decide(self) -> CanaryVerdict:
        if self._looks is None:
            return CanaryVerdict.CONTINUE
        if self._looks.rollback[-1]:
            return CanaryVerdict.ROLLBACK
        if self._looks.promote[-1]:
            return CanaryVerdict.PROMOTE
        return CanaryVerdict.INCONCLUSIVE if len(self._r) >= self.rules.t_max else CanaryVerdict.CONTINUE

    @property
    def decision(self) -> CanaryVerdict:
        """What holds now."""
        return self._decision

    @property
    def e_promote(self) -> float:
        """Evidence against "worse than the champion by the margin or more"; 1 before the first session."""
        return float(self._looks.e_promote[-1]) if self._looks else 1.0

    @property
    def e_rollback(self) -> float:
        """Evidence against "no worse than the champion"; 1 before the first session."""
        return float(self._looks.e_rollback[-1]) if self._looks else 1.0

    @property
    def highest_e_rollback(self) -> float:
        """The most that ever spoke of harm; 1 before the first session."""
        return float(self._looks.e_rollback.max()) if self._looks else 1.0

    @property
    def expected_gain(self) -> float:
        """What record and canary together let expect of r, shrunk towards 0 (`core.canary.belief`)."""
        return expected_gain(self.rules.scale, self._record, np.array(list(self._r.values())))

    @property
    def contradicts_record(self) -> bool:
        """Whether its sessions are worse than its record promised (`core.canary.belief`)."""
        return contradicts(self.rules.scale, self._record, np.array(list(self._r.values())))

    @property
    def _record(self) -> Measured | None:
        rules = self.rules
        return None if rules.record is None else Measured(rules.record, rules.record_error)

    @property
    def sessions(self) -> list[str]:
        """Sessions seen, in order of arrival, as ISO dates when they were given as dates."""
        return list(self._r)

    @property
    def mean_r(self) -> float:
        """Raw mean of r so far; 0 before the first session."""
        return float(np.mean(list(self._r.values()))) if self._r else 0.0

    @property
    def scale(self) -> float:
        """The frozen scale s of r."""
        return self.rules.scale

    @property
    def margin(self) -> float:
        """The frozen margin, in units of r."""
        return self.rules.margin

    @property
    def path(self) -> list[SessionEvidence]:
        """The evidence after each session, for pictures."""
        if self._looks is None:
            return []
        columns = zip(self._r.items(), self._looks.e_promote, self._looks.e_rollback, strict=True)
        return [SessionEvidence(key, r, float(up), float(down)) for (key, r), up, down in columns]

    def to_json(self) -> str:
        """The whole state, rules included; `from_json` gives back a test that decides the same."""
        return json.dumps(
            {
                "format": FORMAT,
                "rules": asdict(self.rules),
                "sessions": [[key, r] for key, r in self._r.items()],
                "explained": self._explained,
                "decision": self._decision.value,
            }
        )

    @classmethod
    def from_json(cls, state: str | Mapping[str, Any]) -> Self:
        """The test that `to_json` wrote, from its text or from the parsed object.

        Raises:
            Broken: not what `to_json` writes.
        """
        try:
            fields = json.loads(state) if isinstance(state, str) else state
            if fields["format"] != FORMAT:
                raise ValueError(f"format {fields['format']}")
            test = cls.under(Rules(**fields["rules"]))
            test._r = {str(key): float(r) for key, r in fields["sessions"]}
            test._explained = dict(fields["explained"])
            test._decision = CanaryVerdict(fields["decision"])
        except (ValueError, KeyError, TypeError, AttributeError, BadInput) as error:
            raise Broken(
                f"the canary's stored evidence cannot be read: {error}.",
                "Roll the canary back; its decisions are in the decision log.",
            ) from None
        if test._r:
            test._look()
        return test


def _paired(statistic: Statistic, key: str, champion_loss: float, challenger_loss: float) -> float:
    champion, challenger = float(champion_loss), float(challenger_loss)
    if not np.isfinite(champion) or champion < 0 or -np.inf < challenger < 0:
        raise BadInput(
            f"losses {champion} (champion), {challenger} (challenger) of session {key} are no pair.",
            "Give mean losses over the same tickers, once their outcomes are known.",
        )
    return float(difference(statistic, champion, challenger)) if np.isfinite(challenger) else WORST
