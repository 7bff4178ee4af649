"""Is the challenger good enough to try: one fixed look at sessions neither model was trained on."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from evergreen.core.bars.session import iso
from evergreen.core.evaluation.diebold_mariano import dm_test
from evergreen.core.evaluation.metrics import rank_ic, session_losses, skill
from evergreen.core.evaluation.retention import RETAINED
from evergreen.core.evaluation.statistic import losses_by_session, suited_statistic
from evergreen.core.gate.contest import MODELS, Contest, Levels, hold_contest
from evergreen.core.gate.place import FIRST, Place
from evergreen.core.gate.verdict import Coverage, RankIC, Verdict
from evergreen.core.model.targets.protocol import Target
from evergreen.core.model.targets.returns import Return
from evergreen.errors import BadInput

RANDOM_WALK = "random walk"
RETURN = Return()


def compare(
    champion: pd.DataFrame | None,
    challenger: pd.DataFrame,
    place: Place = FIRST,
    alpha: float = 0.05,
    retained: float = RETAINED,
    entry: float = 0.5,
    harm: float = 0.10,
    coverage: float = 0.90,
    min_sessions: int = 120,
    gate_sessions: int = 0,
    target: Target = RETURN,
) -> Verdict:
    """Judge a challenger against the champion and the random walk.

    One number per session, r of two losses (Diebold-Mariano with the equal-weighted-cosine variance); the loss suits
    the breadth (`core.evaluation.statistic`). What is asked for follows from what is at stake:

    * A champion that has shown nothing, or is the random walk itself, has nothing to lose: the challenger is admitted
      when its p against the random walk lies below `entry`, divided by the square of its recipe's number, and it is not
      shown to be worse than the champion (p < `harm`).
    * Any other champion's successor must be shown to keep the share `retained` of what the champion is shown to be
      worth (`core.evaluation.retention`): the lower 90 % bound of its r against the champion lies above -margin; and
      its own mean lies above the random walk's.
    * The champion's own recipe, trained again, is no new hypothesis. Where the rank correlation of both models'
      forecasts within the session is `retained` or more, it keeps that share of the champion's skill even if what is
      new in it is worth nothing: it only may not be shown to be worse.

    Forecasts must be finite, not constant, not too good to be true, with honest intervals. "Better" is claimed only at
    the level that its place leaves of `alpha`.

    Sessions that both forecast alike to the bit, as two trainings of one recipe do where their folds are the same,
    count as no difference: they are evidence that the recipe is the same.

    Args:
        champion: columns ticker, session, forecast; None for the random walk (forecast 0).
        challenger: columns ticker, session, forecast, label (of the target), optionally lower and
            upper: intervals of nominal coverage `coverage`, known before the session. Rows with an
            unknown label are left out; a row counts only when both models forecast it.
        place: its recipe's, among all tried under the model's name.
        alpha: rate of false discoveries among the recipes of a name.
        retained: share of the champion's shown advantage over the random walk that must be kept, within [0, 1).
        entry: p against the random walk below which it is admitted where the incumbent has shown nothing; at 0.5 its
            mean lies above the random walk's.
        harm: p below which it counts as worse than the champion.
        coverage: nominal coverage of the intervals.
        min_sessions: fewest common sessions that can be judged.
        gate_sessions: most recent common sessions that are judged; 0: all there are.
        target: what both forecast; its naive forecast, 0, has the random walk's place.

    Raises:
        BadInput: unusable arguments or a frame without its columns.
    """
    _check(challenger, alpha, retained)
    levels = Levels(place.level(alpha), entry * place.share, harm, retained)
    pairs = _common(champion, challenger, gate_sessions)
    sessions = pairs["session"].nunique()
    if sessions < min_sessions:
        return _undecided(sessions, min_sessions, place, levels)
    return _judge(pairs, champion is None, place, levels, coverage, target)


def _judge(
    pairs: pd.DataFrame, against_random_walk: bool, place: Place, levels: Levels, coverage: float, target: Target
) -> Verdict:
    rows = pairs.set_index(["ticker", "session"])
    statistic = suited_statistic(pairs["session"], target.by_order)
    losses = {name: losses_by_session(statistic, rows[name], rows["label"]) for name in MODELS}
    likeness = None if against_random_walk else _likeness(pairs)
    renewed = place.renewal and likeness is not None and likeness >= levels.retained
    contest = hold_contest(statistic, losses, levels, renewed, target.baseline)
    covered = _coverage(pairs, coverage)
    explained = skill(*(session_losses(rows[name], rows["label"]) for name in ("challenger", "zero")))
    reasons = _refusals(pairs, contest, covered) + _too_good(explained, target.most_skill)
    champion_rank_ic, challenger_rank_ic = (_rank_ic(rows[name], rows["label"]) for name in ("champion", "challenger"))
    return Verdict(
        admitted=not reasons,
        better=not reasons and contest.better,
        reasons=tuple(reasons),
        sessions=len(losses["challenger"]),
        first_session=iso(pairs["session"].min()),
        last_session=iso(pairs["session"].max()),
        alike=_alike(pairs),
        baseline=target.baseline,
        opponent=RANDOM_WALK if against_random_walk else "champion",
        statistic=statistic,
        place=place,
        levels=levels,
        renewed=renewed,
        likeness=likeness,
        margin=contest.retention.margin,
        kept_share=contest.retention.kept_share(contest.challenger_over_champion),
        test=contest.challenger_over_champion,
        random_walk_test=contest.challenger_over_walk,
        champion_test=contest.champion_over_walk,
        loss_champion=float(losses["champion"].mean()),
        loss_challenger=float(losses["challenger"].mean()),
        skill=explained,
        rank_ic_champion=champion_rank_ic,
        rank_ic_challenger=challenger_rank_ic,
        coverage=covered,
    )


def _refusals(pairs: pd.DataFrame, contest: Contest, covered: Coverage | None) -> list[str]:
    if not np.isfinite(pairs["challenger"]).all():
        count = int((~np.isfinite(pairs["challenger"])).sum())
        return [f"{count} of the challenger's {len(pairs)} forecasts are not finite"]
    reasons = []
    if pairs["challenger"].nunique() == 1:
        reasons.append("the challenger forecasts one and the same for everything")
    reasons += contest.objections()
    if covered is not None and not covered.within_band:
        reasons.append(covered.sentence)
    return reasons


def _alike(pairs: pd.DataFrame) -> int:
    """Sessions in which both forecast the same to the bit."""
    differs = (pairs["champion"] != pairs["challenger"]).groupby(pairs["session"]).any()
    return int((~differs).sum())


def _likeness(pairs: pd.DataFrame) -> float | None:
    """Rank correlation of both models' forecasts within the session; None where the champion never varies there.

    Of two models that correlate by c, the one is worth at least c times the RankIC of the other, if what it has of its
    own does no harm; RankIC is taken within the session too. Where most sessions have one ticker it is taken over all.
    """
    models, alone = ["champion", "challenger"], pairs["session"].value_counts().median() < 2
    session = pd.Series(0, index=pairs.index) if alone else pairs["session"]
    ranks = pairs.groupby(session)[models].rank()
    around = ranks - ranks.groupby(session).transform("mean")
    champion, challenger = (around**2).sum()
    if not champion:
        return None
    return float(around.prod(axis=1).sum() / math.sqrt(champion * challenger)) if challenger else 0.0


def _too_good(explained: float, most: float) -> list[str]:
    if not explained > most:
        return []
    return [
        f"too good to be true: it explains {explained:.0%} of what no model explains {most:.0%} of; "
        "look for a feature that knows the future"
    ]


def _coverage(pairs: pd.DataFrame, nominal: float) -> Coverage | None:
    """Session means of coverage, so that a bad week counts as a week and not as its rows.

    The band is the wider of the plain binomial one over rows and the one of the cosine variance over
    sessions, both at 99 %.
    """
    if not {"lower", "upper"} <= set(pairs.columns):
        return None
    inside = pairs["label"].between(pairs["lower"], pairs["upper"]).astype(float)
    by_session = inside.groupby(pairs["session"]).mean()
    test = dm_test(by_session.to_numpy())
    binomial = float(ndtri(0.995)) * math.sqrt(nominal * (1 - nominal) / len(pairs))
    clustered = float(stdtrit(test.dof, 0.995)) * test.standard_error
    return Coverage(nominal, float(by_session.mean()), max(binomial, clustered))


def _rank_ic(forecast: pd.Series, label: pd.Series) -> RankIC | None:
    known = rank_ic(forecast, label).dropna()
    if len(known) < 2:
        return None
    test = dm_test(known.to_numpy())
    return RankIC(test.mean, *test.interval(0.90))


def _common(champion: pd.DataFrame | None, challenger: pd.DataFrame, gate_sessions: int) -> pd.DataFrame:
    keep = [name for name in ("ticker", "session", "forecast", "label", "lower", "upper") if name in challenger]
    pairs = challenger.loc[np.isfinite(challenger["label"]), keep].rename(columns={"forecast": "challenger"})
    if champion is None:
        pairs = pairs.assign(champion=0.0)
    else:
        theirs = champion[["ticker", "session", "forecast"]].rename(columns={"forecast": "champion"})
        pairs = pairs.merge(theirs, on=["ticker", "session"], validate="one_to_one")
    window = np.sort(pairs["session"].unique())[-gate_sessions:]
    return pairs[pairs["session"].isin(window)].assign(zero=0.0).sort_values(["session", "ticker"], ignore_index=True)


def _undecided(sessions: int, min_sessions: int, place: Place, levels: Levels) -> Verdict:
    reason = f"only {sessions} sessions forecast by both models, {min_sessions} are needed"
    return Verdict(admitted=False, better=False, reasons=(reason,), sessions=sessions, place=place, levels=levels)


def _check(challenger: pd.DataFrame, alpha: float, retained: float) -> None:
    missing = {"ticker", "session", "forecast", "label"} - set(challenger.columns)
    if missing:
        raise BadInput(f"the challenger's frame lacks {', '.join(sorted(missing))}.", "Give its oos.parquet.")
    if not 0 < alpha < 1 or not 0 <= retained < 1:
        raise BadInput(
            f"alpha {alpha}, retained {retained} cannot be used.",
            "alpha lies between 0 and 1, retained within [0, 1).",
        )
