"""What may stop a canary within minutes: harm that shows without waiting for outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evergreen.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

ENOUGH_OUTPUTS = 20  # fewer tickers may well agree, or order themselves anyhow, by chance


@dataclass(frozen=True)
class OutputLimits:
    """What a sane challenger's raw outputs (log returns) look like, fixed before the start.

    `residual_sigma` and the target's range come from the champion's and the training set's record;
    `rank_correlation` is the lowest of the gate's own sessions, None if it was never defined;
    `dispersion` the lowest and highest ratio seen there of the challenger's spread over the tickers to the
    champion's, `dispersion_slack` times which is still allowed.
    """

    residual_sigma: float
    target_low: float
    target_high: float
    rank_correlation: float | None = None
    dispersion: tuple[float, float] | None = None
    far_sigmas: float = 4.0
    far_share: float = 0.01
    range_slack: float = 0.20
    dispersion_slack: float = 2.0


def check_outputs(champion_raw: ArrayLike, challenger_raw: ArrayLike, limits: OutputLimits) -> list[str]:
    """The hard limits that a challenger's outputs break, one sentence each; an empty list is clean.

    Both models' outputs for the same rows. Being constant and the rank correlation are judged on 20 rows or
    more; a champion that is itself constant (the random walk) has no rank correlation.

    Raises:
        BadInput: no rows, or arrays of different shapes; report the guardrail as missing instead.
    """
    champion, challenger = np.asarray(champion_raw, float), np.asarray(challenger_raw, float)
    if champion.ndim != 1 or champion.shape != challenger.shape or champion.size == 0:
        raise BadInput(
            f"outputs of shapes {champion.shape} and {challenger.shape} cannot be compared.",
            "Give both models' outputs for the same rows; without rows, report the guardrail as missing.",
        )
    if not np.isfinite(challenger).all():
        return [f"{int((~np.isfinite(challenger)).sum())} outputs are not finite."]
    broken = [
        _constant(challenger),
        _far(champion, challenger, limits),
        _disagreeing(champion, challenger, limits),
        _out_of_range(challenger, limits),
        _dispersed(champion, challenger, limits),
    ]
    return [sentence for sentence in broken if sentence]


def rank_correlation_floor(forecasts: pd.DataFrame) -> float | None:
    """The lowest rank correlation of the two models over the gate's sessions, None if it is never defined.

    Columns `session, champion, challenger`, one row per ticker and session.
    """
    models = ["champion", "challenger"]
    varied = forecasts.groupby("session")[models].transform("nunique").gt(1).all(axis=1)
    ranks = forecasts[varied].groupby("session")[models].rank()
    by_session = ranks.groupby(forecasts.loc[varied, "session"])
    correlations = [float(both["champion"].corr(both["challenger"])) for _, both in by_session]
    return min(correlations, default=None)


def dispersion_range(forecasts: pd.DataFrame) -> tuple[float, float] | None:
    """Lowest and highest ratio, over sessions, of the challenger's standard deviation to the champion's.

    Columns as for `rank_correlation_floor`; None if the champion never varies.
    """
    spread = forecasts.groupby("session")[["champion", "challenger"]].std()
    ratio = (spread["challenger"] / spread["champion"])[spread["champion"] > 0].dropna()
    return None if ratio.empty else (float(ratio.min()), float(ratio.max()))


def _dispersed(champion: NDArray[np.float64], challenger: NDArray[np.float64], limits: OutputLimits) -> str:
    spread = float(champion.std())
    if limits.dispersion is None or challenger.size < ENOUGH_OUTPUTS or spread == 0:
        return ""
    low, high, slack = *limits.dispersion, limits.dispersion_slack
    ratio = float(challenger.std()) / spread
    if low / slack <= ratio <= high * slack:
        return ""
    return f"Outputs spread {ratio:.3g} times as wide as the champion's, {low:.3g} to {high:.3g} in the gate."


def _constant(challenger: NDArray[np.float64]) -> str:
    if challenger.size >= ENOUGH_OUTPUTS and np.ptp(challenger) == 0:
        return f"All {challenger.size} outputs are {challenger[0]:.6g}."
    return ""


def _far(champion: NDArray[np.float64], challenger: NDArray[np.float64], limits: OutputLimits) -> str:
    distance = np.abs(challenger - champion)
    share = float((distance > limits.far_sigmas * limits.residual_sigma).mean())
    if share > limits.far_share:
        return f"{share:.1%} of outputs lie beyond {limits.far_sigmas:g} residual sigma of the champion's."
    return ""


def _disagreeing(champion: NDArray[np.float64], challenger: NDArray[np.float64], limits: OutputLimits) -> str:
    floor = limits.rank_correlation
    if floor is None or challenger.size < ENOUGH_OUTPUTS or 0 in (np.ptp(champion), np.ptp(challenger)):
        return ""
    import pandas as pd  # not for who only reads the limits

    correlation = float(pd.Series(champion).corr(pd.Series(challenger), method="spearman"))
    if correlation < floor:
        return f"Rank correlation with the champion is {correlation:.2f}, below any gate session's."
    return ""


def _out_of_range(challenger: NDArray[np.float64], limits: OutputLimits) -> str:
    slack = limits.range_slack * (limits.target_high - limits.target_low)
    outside = (challenger < limits.target_low - slack) | (challenger > limits.target_high + slack)
    if outside.any():
        worst = challenger[outside][np.abs(challenger[outside]).argmax()]
        return f"{int(outside.sum())} outputs lie outside the training target's range, such as {worst:.4g}."
    return ""
