"""Is the challenger good enough to try: one fixed look at sessions neither model was trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from evergreen.core.bars.session import iso
from evergreen.core.dataset.look_ahead_audit import Audit
from evergreen.core.evaluation.diebold_mariano import DieboldMariano, dm_test, scale
from evergreen.core.evaluation.metrics import loss_difference, rank_ic, session_losses, skill
from evergreen.core.gate.verdict import Coverage, RankIC, Verdict
from evergreen.core.model.manifest import Manifest
from evergreen.errors import BadInput

__all__ = ["DieboldMariano", "Verdict", "compare", "dm_test", "require_audit", "spent_alpha"]

MARGIN_IN_SCALES = 0.1  # a fifth of a session's standard deviation: three standard errors of 250 sessions' mean
RANDOM_WALK = "random walk"
# A tenth of it would be a discovery (the best monthly models explain half a percent: Gu, Kelly & Xiu, RFS 2020).
MOST_SKILL = 0.20


def spent_alpha(alpha: float, tried: int) -> float:
    """What the k-th challenger of one champion may spend: 6 alpha / (pi^2 k^2); all of them sum to alpha."""
    return 6.0 * alpha / (math.pi**2 * tried**2)


def compare(
    champion: pd.DataFrame | None,
    challenger: pd.DataFrame,
    tried: int = 1,
    alpha: float = 0.05,
    margin: float | None = None,
    coverage: float = 0.90,
    min_sessions: int = 120,
    gate_sessions: int = 250,
) -> Verdict:
    """Judge a challenger against the champion and the random walk.

    Admitted when the lower 90 % bound of mean r (Diebold-Mariano with the equal-weighted-cosine
    variance) lies above -margin against the champion and against the random walk, and its
    forecasts are finite, not constant, not the champion's own, not too good to be true, with honest
    intervals. "Better" is
    claimed only at p < 6 alpha / (pi^2 k^2). Looked at once: calling again on other windows until
    one passes voids the error rates.

    Args:
        champion: columns ticker, session, forecast; None for the random walk (forecast 0).
        challenger: columns ticker, session, forecast, label (log returns), optionally lower and
            upper: intervals of nominal coverage `coverage`, known before the session. Rows with an
            unknown label are left out; a row counts only when both models forecast it.
        tried: which challenger of this champion it is, from 1.
        alpha: error rate of "better" over all challengers of one champion.
        margin: in units of r; by default a tenth of the scale s = 2 * 1.4826 * MAD(r) against the
            same opponent.
        coverage: nominal coverage of the intervals.
        min_sessions: fewest common sessions that can be judged.
        gate_sessions: most recent common sessions that are judged.

    Raises:
        BadInput: unusable arguments or a frame without its columns.
    """
    _check(challenger, tried, alpha, margin)
    pairs = _common(champion, challenger, gate_sessions)
    sessions = pairs["session"].nunique()
    if sessions < min_sessions:
        return _undecided(sessions, min_sessions, tried, alpha)
    return _judge(pairs, champion is None, tried, alpha, margin, coverage)


def require_audit(verdict: Verdict, manifest: Manifest) -> Verdict:
    """The verdict, refused if the look-ahead audit of the challenger's training set is missing or not passed."""
    reason = _audit_refusal(manifest)
    if reason is None:
        return verdict
    return replace(verdict, admitted=False, better=False, reasons=(reason, *verdict.reasons))


def _audit_refusal(manifest: Manifest) -> str | None:
    if manifest.audit is None:
        return "its training set was never audited for look-ahead"
    audit = Audit.from_dict(manifest.audit)
    if audit.training_set_sha256 != manifest.training_set_sha256:
        return "its training set was changed after the look-ahead audit"
    if audit.features != len(manifest.feature_names):
        return f"{audit.features} features were audited for look-ahead, the model has {len(manifest.feature_names)}"
    return None if audit.passed else audit.sentence.rstrip(".")


@dataclass(frozen=True)
class _Contest:
    test: DieboldMariano
    scale: float
    margin: float

    @property
    def keeps_up(self) -> bool:
        return self.test.lower90 > -self.margin


def _judge(
    pairs: pd.DataFrame,
    against_random_walk: bool,
    tried: int,
    alpha: float,
    margin: float | None,
    coverage: float,
) -> Verdict:
    rows = pairs.set_index(["ticker", "session"])
    losses = {name: session_losses(rows[name], rows["label"]) for name in ("champion", "challenger", "zero")}
    contest = _contest(losses["champion"], losses["challenger"], margin)
    floor = _contest(losses["zero"], losses["challenger"], margin)
    covered = _coverage(pairs, coverage)
    explained = skill(losses["challenger"], losses["zero"])
    reasons = _refusals(pairs, contest, floor, covered, against_random_walk) + _too_good(explained)
    spent = spent_alpha(alpha, tried)
    champion_rank_ic, challenger_rank_ic = (_rank_ic(rows[name], rows["label"]) for name in ("champion", "challenger"))
    return Verdict(
        admitted=not reasons,
        better=not reasons and contest.test.p_better < spent,
        reasons=tuple(reasons),
        sessions=len(losses["challenger"]),
        first_session=iso(pairs["session"].min()),
        last_session=iso(pairs["session"].max()),
        opponent=RANDOM_WALK if against_random_walk else "champion",
        tried=tried,
        spent_alpha=spent,
        scale=contest.scale,
        margin=contest.margin,
        test=contest.test,
        random_walk_test=floor.test,
        random_walk_margin=floor.margin,
        loss_champion=float(losses["champion"].mean()),
        loss_challenger=float(losses["challenger"].mean()),
        skill=explained,
        rank_ic_champion=champion_rank_ic,
        rank_ic_challenger=challenger_rank_ic,
        coverage=covered,
    )


def _refusals(
    pairs: pd.DataFrame,
    contest: _Contest,
    floor: _Contest,
    covered: Coverage | None,
    against_random_walk: bool,
) -> list[str]:
    if not np.isfinite(pairs["challenger"]).all():
        count = int((~np.isfinite(pairs["challenger"])).sum())
        return [f"{count} of the challenger's {len(pairs)} forecasts are not finite"]
    reasons = []
    if pairs["challenger"].nunique() == 1:
        reasons.append("the challenger forecasts one and the same return for everything")
    if np.array_equal(pairs["challenger"], pairs["champion"]):
        reasons.append("the challenger's forecasts are the champion's own: there is nothing to try")
    elif not contest.keeps_up:
        reasons.append(_lost(contest, RANDOM_WALK if against_random_walk else "champion"))
    if not against_random_walk and not floor.keeps_up:
        reasons.append(_lost(floor, RANDOM_WALK))
    if covered is not None and not covered.within_band:
        reasons.append(covered.sentence)
    return reasons


def _too_good(explained: float) -> list[str]:
    if not explained > MOST_SKILL:
        return []
    return [
        f"too good to be true: it explains {explained:.0%} of what no model explains {MOST_SKILL:.0%} of; "
        "look for a feature that knows the future"
    ]


def _lost(contest: _Contest, opponent: str) -> str:
    shown = contest.test.upper90 < -contest.margin
    how = "shown worse than" if shown else "not shown to keep up with"
    return (
        f"{how} the {opponent}: mean r {contest.test.mean:+.4f}, its lower 90 % bound "
        f"{contest.test.lower90:+.4f} is not above the margin {-contest.margin:+.4f}"
    )


def _contest(opponent: pd.Series, challenger: pd.Series, margin: float | None) -> _Contest:
    r = loss_difference(opponent, challenger).to_numpy()
    s = scale(r)
    return _Contest(dm_test(r), s, MARGIN_IN_SCALES * s if margin is None else margin)


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
    binomial = float(stats.norm.ppf(0.995)) * math.sqrt(nominal * (1 - nominal) / len(pairs))
    clustered = float(stats.t.ppf(0.995, test.dof)) * test.standard_error
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


def _undecided(sessions: int, min_sessions: int, tried: int, alpha: float) -> Verdict:
    reason = f"only {sessions} sessions forecast by both models, {min_sessions} are needed"
    return Verdict(
        admitted=False,
        better=False,
        reasons=(reason,),
        sessions=sessions,
        tried=tried,
        spent_alpha=spent_alpha(alpha, tried),
    )


def _check(challenger: pd.DataFrame, tried: int, alpha: float, margin: float | None) -> None:
    missing = {"ticker", "session", "forecast", "label"} - set(challenger.columns)
    if missing:
        raise BadInput(f"the challenger's frame lacks {', '.join(sorted(missing))}.", "Give its oos.parquet.")
    if tried < 1 or not 0 < alpha < 1 or (margin is not None and margin < 0):
        raise BadInput(
            f"tried {tried}, alpha {alpha}, margin {margin} cannot be used.",
            "tried counts from 1, alpha lies between 0 and 1, margin is not negative.",
        )
