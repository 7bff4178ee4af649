"""What the canary's evidence means: when it promotes, when it rolls back, when it gives up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evergreen.core.canary.betting import (
    MAX_AUTOCORRELATION,
    Floats,
    innovations,
    lasting,
    robust_scale,
    shown_autocorrelation,
    wealth,
)
from evergreen.core.canary.verdict import CanaryVerdict
from evergreen.core.evaluation.losses import Statistic
from evergreen.errors import BadInput

MAX_DEFAULT_MARGIN = 0.10  # a tenth more loss a session is harm on any market
WILD = 3.0  # scales, six standard deviations: a session that someone must explain first


@dataclass(frozen=True)
class Rules:
    """All that is fixed before the first session; `scale` and `margin` in units of r.

    Attributes:
        autocorrelation: how far one session's r predicts that of the next which shares no outcome with it, as the
            history showed it.
        horizon: sessions until a loss is known.
        statistic: what a session's losses are.
        carried: evidence for a promotion that the record brings along; 1 is none.
        record: mean of r over the record's sessions that tell the two models apart, None where they are too few.
        record_error: its standard error.
        renewed: the challenger is the champion's recipe, trained again.

    Raises:
        BadInput: a value outside its range.
    """

    scale: float
    margin: float
    alpha_promote: float = 0.05
    alpha_rollback: float = 0.10
    t_min: int = 8
    t_max: int = 60
    autocorrelation: float = 0.0
    horizon: int = 1
    statistic: Statistic = Statistic.SQUARED_ERROR
    carried: float = 1.0
    record: float | None = None
    record_error: float = 0.0
    renewed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "statistic", Statistic(self.statistic))  # as text where it was stored
        usable = {
            "scale": 0 < self.scale < np.inf,
            "margin": 0 <= self.margin < 2,
            "alpha_promote": 0 < self.alpha_promote < 1,
            "alpha_rollback": 0 < self.alpha_rollback < 1,
            "t_min": self.t_min >= 1,
            "t_max": self.t_max >= self.t_min,
            "autocorrelation": 0 <= self.autocorrelation <= MAX_AUTOCORRELATION,
            "horizon": self.horizon >= 1,
            "carried": 0 < self.carried < np.inf,
        }
        for name, fine in usable.items():
            if not fine:
                raise BadInput(
                    f"canary rule {name} = {getattr(self, name)} cannot be used.",
                    "Alphas lie within (0, 1), the margin within [0, 2), the autocorrelation within [0, 0.9], and "
                    "1 <= t_min <= t_max.",
                )


def rules_from(
    r: Floats, margin: float | None, alphas: tuple[float, float], t_min: int, t_max: int, horizon: int = 1
) -> Rules:
    """The rules of a canary whose history of differences is `r` [sessions]; `alphas` of promotion and rollback.

    `t_min` and `t_max` count outcomes that do not overlap: over a horizon of h they are h times as many sessions.
    """
    scale = robust_scale(r)
    margin = default_margin(scale) if margin is None else float(margin)
    rho = shown_autocorrelation(np.clip(r / scale, -1, 1), horizon)
    return over_horizon(Rules(scale, margin, *alphas, t_min, t_max, rho), horizon)


def over_horizon(rules: Rules, horizon: int) -> Rules:
    """Rules for outcomes of one session, for those over `horizon`: as many that do not overlap take so many more."""
    return replace(rules, t_min=rules.t_min * horizon, t_max=rules.t_max * horizon, horizon=horizon)


def default_margin(scale: float) -> float:
    """A quarter of the scale, never above 0.10: about the smallest that 60 sessions can decide."""
    return min(scale / 4, MAX_DEFAULT_MARGIN)


@dataclass(frozen=True)
class Looks:
    """The evidence at each session, arrays of the shape of r; `promote`, `rollback`: which bounds are met."""

    e_promote: Floats
    e_rollback: Floats
    promote: NDArray[np.bool_]
    rollback: NDArray[np.bool_]


def look(r: Floats, rules: Rules, explained: NDArray[np.bool_] | None = None) -> Looks:
    """Evidence after each session of `r` [..., sessions], each look using nothing that came after it.

    Promote needs E_promote >= 1/alpha_promote, t_min sessions, a raw mean of r above -margin, and no session
    with r < -3 scale except those in `explained`. Rollback needs E_rollback >= 1/alpha_rollback. Over a horizon of h
    sessions the evidence must stand for h of them.
    """
    e_promote = rules.carried * promote_wealth(r, rules)
    x = np.clip(r / rules.scale, -1, 1)
    e_rollback = wealth(-innovations(x, rules.autocorrelation, rules.horizon), rules.horizon)
    count = np.arange(1, r.shape[-1] + 1)
    wild = r < -WILD * rules.scale
    if explained is not None:
        wild &= ~explained
    promote = (
        (lasting(e_promote, rules.horizon) >= 1 / rules.alpha_promote)
        & (count >= rules.t_min)
        & (np.cumsum(r, axis=-1) / count > -rules.margin)
        & ~np.logical_or.accumulate(wild, axis=-1)
    )
    rollback = lasting(e_rollback, rules.horizon) >= 1 / rules.alpha_rollback
    return Looks(e_promote, e_rollback, promote, rollback)


def promote_wealth(r: Floats, rules: Rules) -> Floats:
    """Evidence against "worse by the margin or more" after each session of `r` [..., sessions]."""
    x = np.clip((r + rules.margin) / rules.scale, -1, 1)
    return wealth(innovations(x, rules.autocorrelation, rules.horizon), rules.horizon)


def first_decisions(r: Floats, rules: Rules) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """CanaryVerdict values and their sessions (1-based) of many canaries, r [canaries, t_max sessions or more].

    The same answers as one `QualityTest` per row; made for simulation.
    """
    looks = look(r[:, : rules.t_max], rules)
    stops = looks.promote | looks.rollback
    stopped, first = stops.any(axis=1), stops.argmax(axis=1)
    rolled_back = looks.rollback[np.arange(len(r)), first]
    decisions = np.where(rolled_back, CanaryVerdict.ROLLBACK.value, CanaryVerdict.PROMOTE.value)
    decisions = np.where(stopped, decisions, CanaryVerdict.INCONCLUSIVE.value)
    return decisions, np.where(stopped, first + 1, rules.t_max)
