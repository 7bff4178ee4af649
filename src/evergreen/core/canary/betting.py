"""The numbers below the canary: one relative loss difference per session, and bets on its sign.

For a fixed bet lam in [0, 1) and x_t in [-1, 1], prod (1 + lam x_t) stays below one in expectation for as
long as the running mean of E[x_t | past] is not positive, whatever the dependence between sessions; by
Ville's inequality it exceeds 1/alpha at any time with probability at most alpha. Setting: Choe & Ramdas,
"Comparing sequential forecasters", Operations Research 2023.

That is a bound for differences whose conditional mean averages to nothing on the path that came about. Equal
models whose r predicts itself are equal on average only: given yesterday, today's mean is not zero, and a run of bad
days looks like a worse model. `innovations` takes out what the history shows to be predictable; see
docs/decisions/0016 for what it was measured to do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy  # whose modules come when they are first touched
from numpy.typing import ArrayLike, NDArray

from evergreen.core.evaluation.diebold_mariano import scale
from evergreen.core.evaluation.losses import Statistic, difference
from evergreen.errors import BadInput

# Shares of the wealth that are staked at once: even the greatest cannot lose it all, and their mean follows the best.
BETS: NDArray[np.float64] = np.arange(1, 10) / 10
MIN_HISTORY = 60  # sessions; the standard error of a scale from their MAD is 15 %
WORST = -2.0  # r of a challenger without a finite loss: the end of its range
SCALE_FLOOR = 1e-4  # a hundredth of a percent of loss: models closer than that are one model
STANDARD_ERRORS = 2.0  # an autocorrelation counts from here on: 2.5 % of independent histories show one
MAX_AUTOCORRELATION = 0.9  # beyond it what a session adds would be scaled up more than 2.3 times

Floats = NDArray[np.float64]


def history_difference(
    champion_history: ArrayLike, challenger_history: ArrayLike, statistic: Statistic = Statistic.SQUARED_ERROR
) -> Floats:
    """r of two loss histories over the same out-of-sample sessions, checked: the ground a canary stands on.

    Raises:
        BadInput: lengths differ, fewer than 60 sessions, or a loss that is negative or not finite.
    """
    champion, challenger = np.asarray(champion_history, float), np.asarray(challenger_history, float)
    if champion.ndim != 1 or champion.shape != challenger.shape:
        raise BadInput(
            f"loss histories of shapes {champion.shape} and {challenger.shape} cannot be paired.",
            "Give one loss per session for the same sessions.",
        )
    if champion.size < MIN_HISTORY:
        raise BadInput(
            f"{champion.size} sessions of loss history are too few to fix a scale.",
            f"Give at least {MIN_HISTORY} out-of-sample sessions.",
        )
    for name, losses in (("champion", champion), ("challenger", challenger)):
        bad = np.flatnonzero(~(np.isfinite(losses) & (losses >= 0)))
        if bad.size:
            raise BadInput(
                f"{name} loss {losses[bad[0]]} at place {bad[0]} of the history is no loss.",
                "Leave out sessions whose outcome is unknown.",
            )
    return difference(statistic, champion, challenger)


def robust_scale(r: ArrayLike) -> float:
    """s = 2 x 1.4826 x MAD(r): two standard deviations of well-behaved sessions, deaf to wild ones.

    Never below 1e-4 (a hundredth of a percent of loss), so that two models that agree almost everywhere can
    still be compared.
    """
    return max(scale(r), SCALE_FLOOR)


def wealth(x: ArrayLike, horizon: int = 1) -> Floats:
    """E_t = mean over bets 0.1..0.9 of prod_{i<=t} (1 + lam x_i), along the last axis; x within [-1, 1].

    Over a horizon above one session neighbouring outcomes overlap: sessions are dealt to as many streams, whose wealth
    is averaged (Henzi & Ziegel, "Valid sequential inference on probability forecast performance", Biometrika 2022). A
    prefix of `x` gives the same prefix of E, bit for bit.
    """
    growth = np.log1p(np.asarray(x, float)[..., None] * BETS)
    turn = np.arange(growth.shape[-2])[:, None] % horizon
    streams = [np.cumsum(np.where(turn == stream, growth, 0.0), axis=-2) for stream in range(horizon)]
    log_wealth: Any = scipy.special.logsumexp(np.concatenate(streams, axis=-1), axis=-1)
    return np.asarray(np.exp(log_wealth - np.log(BETS.size * horizon)))


def lasting(evidence: Floats, horizon: int) -> Floats:
    """The least of each session's evidence and of the `horizon` - 1 before it [..., sessions].

    When a bound is met, other streams still wait for outcomes of which much is known already, and stopping then would
    choose among them. The evidence counts once those are in and it still stands.
    """
    padded = np.concatenate([np.zeros((*evidence.shape[:-1], horizon - 1)), evidence], axis=-1)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, horizon, axis=-1).min(axis=-1))


def shown_autocorrelation(x: Floats, lag: int = 1) -> float:
    """Autocorrelation at a lag that a history [sessions] shows by two standard errors; 0 if it shows none.

    Outcomes over `lag` sessions overlap within it: a history holds so many times fewer that tell something.

    Corrected for the downward bias of short series, -(1 + 3 rho)/n (Kendall, Biometrika 1954); at most 0.9. A negative
    one counts as none: it makes the bets err less often than they may.
    """
    centred = x - x.mean()
    total = float(centred @ centred)
    if total == 0:
        return 0.0
    apart = x.size / lag
    corrected = (apart * float(centred[lag:] @ centred[:-lag]) / total + 1) / (apart - 3)
    return min(corrected, MAX_AUTOCORRELATION) if corrected * apart**0.5 > STANDARD_ERRORS else 0.0


def innovations(x: Floats, autocorrelation: float, lag: int = 1) -> Floats:
    """What `x` [..., sessions] adds to what the session `lag` before predicts, within [-1, 1] and of the same spread.

    (x_t - rho x_{t-lag}) / sqrt(1 - rho^2), x = 0 before the first: of a first-order autoregression of mean zero,
    differences whose mean given the past is zero. At rho = 0, x itself.
    """
    if autocorrelation == 0:
        return x
    before = np.concatenate([np.zeros_like(x[..., :lag]), x[..., :-lag]], axis=-1)
    return np.asarray(np.clip((x - autocorrelation * before) / np.sqrt(1 - autocorrelation**2), -1, 1))
