"""What a policy earned, in numbers with intervals that allow for autocorrelation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.evaluation.backtest import long_short
from evergreen.core.evaluation.diebold_mariano import dm_test
from evergreen.core.evaluation.losses import relative_difference
from evergreen.core.policy import DecisionKind
from evergreen.replay.breaks import SERVING, Break
from evergreen.replay.judging import mean_difference
from evergreen.replay.tables import forecasts_served
from evergreen.replay.walk import Walk

AFTER = 250  # sessions that say whether a promotion or a rollback was right
WORSE = 60  # sessions whose mean says that the model in office does worse than the random walk
RIVALS = ("never", "calendar:20")
ENDS = ("never", "oracle")

Numbers = dict[str, float | None]


def measure(walk: Walk, sessions: pd.DataFrame, breaks: Sequence[Break]) -> dict[str, Any]:
    """One policy's row of the summary."""
    known = sessions[sessions["n"] > 0]
    gain = pd.Series(relative_difference(known["loss_random_walk"], known["loss"]), index=known.index)
    table: dict[str, Any] = {"policy": walk.policy.name, "sessions": len(known)}
    for name, values in (("rank_ic", _order(known, "rank_ic")), ("ic", _order(known, "ic")), ("gain", gain)):
        table |= interval(name, values)
    spread = float(known["ic"].std())
    table["icir"] = float(known["ic"].mean()) / spread if spread > 0 else None
    table |= interval("coverage", known["covered"].dropna())
    table |= {f"costed_{name}": _finite(value) for name, value in _costed(walk).items()}
    table |= _deliveries(walk)
    table["sessions_worse_than_random_walk"] = int((gain.rolling(WORSE).mean() < 0).sum())
    table["age"] = _finite(float(sessions["age"].mean()))
    table["breaks"] = [_cure(walk, known.assign(gain=gain), one) for one in breaks]
    return table


def interval(name: str, values: pd.Series) -> Numbers:
    """Mean with its two-sided 90 % interval by the cosine variance; None of too few values."""
    if len(values) < 2:
        return {name: None, f"{name}_lower90": None, f"{name}_upper90": None}
    test = dm_test(values.to_numpy())
    lower, upper = test.interval(0.90)
    return {name: test.mean, f"{name}_lower90": lower, f"{name}_upper90": upper}


def paired(sessions: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, Numbers]]:
    """By policy and rival, differences on the same sessions: of RankIC and of loss (r, positive: it served better)."""
    return {
        policy: {
            rival: _difference(table, sessions[rival]) for rival in RIVALS if rival in sessions and rival != policy
        }
        for policy, table in sessions.items()
    }


def regret(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """By policy, what it lacks to the oracle in RankIC, as a share of the span from `never` to the oracle."""
    by_name = {row["policy"]: row["rank_ic"] for row in rows}
    low, high = by_name.get(ENDS[0]), by_name.get(ENDS[1])
    if low is None or high is None or high <= low:
        return dict.fromkeys(by_name)
    return {name: (high - (value or 0.0)) / (high - low) for name, value in by_name.items()}


def _difference(ours: pd.DataFrame, theirs: pd.DataFrame) -> Numbers:
    both = ours.set_index("session").join(theirs.set_index("session"), rsuffix="_rival", how="inner")
    both = both[both["n"] > 0]
    better = pd.Series(relative_difference(both["loss_rival"], both["loss"]))
    ranks = _order(both, "rank_ic") - _order(both, "rank_ic_rival")
    return interval("rank_ic", ranks) | interval("r", better)


def _order(sessions: pd.DataFrame, name: str) -> pd.Series:
    """A correlation over the sessions that have an order: 0 where all were forecast alike, none of a single ticker."""
    return sessions.loc[sessions["n"] > 1, name].fillna(0.0)


def _costed(walk: Walk) -> dict[str, float]:
    """The costed long-short portfolio of what champions forecast; empty with one ticker, and of what earns nothing."""
    if len(walk.models.market.tickers) < 2 or not walk.models.market.target.is_return:
        return {}
    served = forecasts_served(walk)
    return long_short(served[np.isfinite(served["forecast"])], walk.models.market.horizon).metrics()


def _deliveries(walk: Walk) -> dict[str, int]:
    """How often it retrained, tried and delivered, and how often what came after says that it was wrong to."""
    kinds = pd.Series([one.kind for one in walk.decisions], dtype=object).value_counts()
    names = {
        "retrainings": DecisionKind.RETRAIN_REQUESTED,
        "trials": DecisionKind.GATE,
        "canaries": DecisionKind.CANARY_START,
        "promotions": DecisionKind.PROMOTE,
        "rollbacks": DecisionKind.ROLLBACK,
        "inconclusive": DecisionKind.INCONCLUSIVE,
        "declined": DecisionKind.DECLINED,
        "mismatches": DecisionKind.MISMATCH,
    }
    counts = {name: int(kinds.get(str(kind), 0)) for name, kind in names.items()}
    promoted, rolled_back = _judged_by_what_came(walk)
    wrong = {
        "wrong_promotions": sum(difference < 0 for difference in promoted),
        "wrong_rollbacks": sum(difference > 0 for difference in rolled_back),
    }
    return counts | wrong


def _judged_by_what_came(walk: Walk) -> tuple[list[float], list[float]]:
    """Mean r of the version against the champion before it, over the next sessions, by promotion and by rollback."""
    promoted: list[float] = []
    rolled_back: list[float] = []
    champion = walk.versions["1"]
    for one in walk.decisions:
        if one.kind not in (DecisionKind.PROMOTE, DecisionKind.ROLLBACK):
            continue
        version = walk.versions[one.version]
        if champion.trained is not None and version is not champion and one.session >= walk.first:
            difference = mean_difference(champion, version, one.session + 1, AFTER)
            if difference is not None:
                (promoted if one.kind == DecisionKind.PROMOTE else rolled_back).append(difference)
        if one.kind == DecisionKind.PROMOTE:
            champion = version
    return promoted, rolled_back


def _cure(walk: Walk, known: pd.DataFrame, broken: Break) -> dict[str, Any]:
    """From a break to its cure, in sessions (none: it never came), and the loss of gain meanwhile."""
    ill = np.flatnonzero(_serves_broken(walk, known, broken))
    cured = not len(ill) or int(ill[-1]) < len(known) - 1
    before = known["gain"].iloc[max(0, ill[0] - AFTER) : ill[0]] if len(ill) else known["gain"].iloc[:0]
    harm = float(before.mean() - known["gain"].iloc[ill].mean())
    return {
        "break": broken.name,
        "sessions_to_the_cure": len(ill) if cured else None,
        "gain_lost_meanwhile": _finite(harm),
    }


def _serves_broken(walk: Walk, known: pd.DataFrame, broken: Break) -> NDArray[np.bool_]:
    """By session, whether clients were answered by what is broken.

    That is the challenger whose features are served wrong, or, of a market, the champion that it broke under.
    """
    since = (known["session"] >= broken.session).to_numpy()
    if broken.kind in SERVING:
        names = [version.name for version in walk.versions.values() if version.fault == broken.kind]
        answers = known["champion"].isin(names) | (known["challenger"].isin(names) & (known["weight"] > 0))
        return np.asarray(since & answers.to_numpy())
    champions = known["champion"].to_numpy()
    other = since & (champions != champions[min(int(np.argmax(since)), len(champions) - 1)])
    return np.asarray(since & ~np.logical_or.accumulate(other))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
