"""What gate and canary decide of challengers whose worth is known, by the rules before decision 27 and by those since.

    python -m benchmarks.decisions sample --tickers AAPL IBM MSFT GOOG --until 2013-02-28 --folder .evergreen/decisions

Each cell is a count with the exact 90 % interval of its share in percent.

A canary of 60 sessions begins every quarter, after the record that both models have by then: record windows lie before
their canary's. All models stand on one grid of quarters, so that trainings share their folds. Both rules see the same
forecasts; guardrails on outputs and requests are left out, so that what the tests alone do is seen.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.known_challengers import QUARTER, Pair, Recipes, kinds
from evergreen.core.canary import CanaryVerdict, QualityTest
from evergreen.core.canary.stages import SPEAKS_OF_HARM
from evergreen.core.evaluation.diebold_mariano import dm_test, scale
from evergreen.core.evaluation.losses import relative_difference
from evergreen.core.evaluation.metrics import session_losses
from evergreen.core.gate.verdict import Verdict
from evergreen.core.model.aim import NEXT_RETURN
from evergreen.core.model.breadth import suited
from evergreen.core.model.config import TrainingConfig
from evergreen.core.policy import CanaryPolicy, GatePolicy, Policy, judging
from evergreen.core.policy.policy import Undecided
from evergreen.replay.bars import read_bars
from evergreen.replay.judging import forecasts_of, freeze_canary, record_of
from evergreen.replay.market import build_market

SESSIONS, OLD_RECORD = 60, 250


class Fate(NamedTuple):
    """What became of a challenger, and after how many sessions of its canary; 0 of one that had none."""

    name: str
    sessions: int = 0


def new_fates(pair: Pair, session: int) -> dict[str, Fate]:
    """By the policy's rules, for each way to end what is undecided."""
    forecasts = forecasts_of(pair.champion, session)
    verdict = judging.judge(GatePolicy(), forecasts, record_of(pair.challenger), pair.place, None)
    if not verdict.admitted:
        return dict.fromkeys(ENDINGS, REFUSED)
    if pair.checked and pair.challenger.difference(session + 1):
        return dict.fromkeys(ENDINGS, Fate("stopped", 1))
    return {ending: canary_fate(ending, verdict, pair, session) for ending in ENDINGS}


def canary_fate(ending: Undecided, verdict: Verdict, pair: Pair, session: int) -> Fate:
    """Of a challenger that is let into canary; a renewal that forecasts otherwise ends by hold, as shipped."""
    rules = CanaryPolicy(undecided="hold" if pair.place.renewal else ending, renewal=ending)
    policy = Policy("new", gate=GatePolicy(), canary=rules)
    frozen = freeze_canary(policy, verdict, pair.champion, pair.challenger, session)
    ending = rules.ending(frozen.test.rules.renewed)
    test = walk(frozen.test, pair, session)
    if test.decision is CanaryVerdict.PROMOTE and test.contradicts_record:
        return Fate("declined", len(test.sessions))
    if test.decision is CanaryVerdict.INCONCLUSIVE and ending == "regret":
        speaks_against = test.highest_e_rollback >= SPEAKS_OF_HARM or test.contradicts_record
        name = "promoted" if test.expected_gain > 0 and not speaks_against else "declined"
        return Fate(name, len(test.sessions))
    return _fate(test)


def old_fate(pair: Pair, session: int) -> Fate:
    """A tenth of the scale in the gate, a quarter of it in the canary, the last 250 sessions, and hold."""
    forecasts = forecasts_of(pair.champion, session)
    assert forecasts is not None
    rows = record_of(pair.challenger).merge(forecasts, on=["ticker", "session"])
    last = np.sort(rows["session"].unique())[-OLD_RECORD:]
    by_row = rows[rows["session"].isin(last)].set_index(["ticker", "session"])
    names = {"champion": "forecast_y", "challenger": "forecast_x"}
    losses = {name: session_losses(by_row[column], by_row["label"]).to_numpy() for name, column in names.items()}
    losses["zero"] = session_losses(0 * by_row["label"], by_row["label"]).to_numpy()
    for opponent in ("champion", "zero"):
        r = relative_difference(losses[opponent], losses["challenger"])
        if not dm_test(r).lower90 > -scale(r) / 10:
            return REFUSED
    return _fate(walk(QualityTest(losses["champion"], losses["challenger"]), pair, session))


def _fate(test: QualityTest) -> Fate:
    return Fate(NAMES[test.decision], len(test.sessions))


REFUSED = Fate("refused")
NAMES = {
    CanaryVerdict.PROMOTE: "promoted",
    CanaryVerdict.ROLLBACK: "rolled back",
    CanaryVerdict.INCONCLUSIVE: "undecided",
    CanaryVerdict.CONTINUE: "undecided",
}


def walk(test: QualityTest, pair: Pair, session: int) -> QualityTest:
    """The canary's sessions after `session`."""
    days = range(session + 1, session + 1 + SESSIONS)
    judged = (each.judged(test.rules.statistic, days) for each in (pair.champion, pair.challenger))
    for day, ours, theirs in zip(days, *judged, strict=True):
        if np.isfinite(ours):
            test.update(day, ours, theirs)
    return test


ENDINGS: tuple[Undecided, ...] = ("hold", "carried", "regret")
MEDIAN = "sessions"
FATES = ("refused", "stopped", "promoted", "rolled back", "declined", "undecided")


def table(recipes: Recipes, every: int = 1) -> pd.DataFrame:
    """Counts of fates and median sessions of a canary, by kind of challenger and rules.

    A canary begins every so many quarters.
    """
    config, sessions = recipes.usual.fits.config, len(recipes.usual.market.sessions)
    first = config.min_train + (4 + 2) * QUARTER + config.embargo + 2 * config.horizon
    starts = range(sessions - 1 - SESSIONS - config.horizon, first, -every * QUARTER)
    lived: dict[tuple[str, str], list[Fate]] = {}
    for session in starts:
        for kind, pair in kinds(recipes, session).items():
            fates = {"old": old_fate(pair, session)} | new_fates(pair, session)
            for rules, fate in fates.items():
                lived.setdefault((kind, rules), []).append(fate)
    return pd.DataFrame({key: _row(fates) for key, fates in lived.items()}, index=[*FATES, MEDIAN]).T


def _row(fates: Sequence[Fate]) -> list[float]:
    """How many had each fate, and the median sessions of those that were let out; NaN where none was."""
    counts = Counter(fate.name for fate in fates)
    out = [fate.sessions for fate in fates if fate.sessions]
    return [*(counts[name] for name in FATES), float(np.median(out)) if out else np.nan]


def with_intervals(counts: pd.DataFrame) -> pd.DataFrame:
    """Shares in percent, each with its exact 90 % interval (Clopper & Pearson, Biometrika 1934)."""
    totals = counts[list(FATES)].sum(axis=1).astype(int)

    def cell(count: int, total: int) -> str:
        low, high = stats.binomtest(count, total).proportion_ci(0.90, method="exact")
        return f"{count} ({100 * low:.0f}-{100 * high:.0f})"

    cells = {name: [cell(*each) for each in zip(counts[name].astype(int), totals, strict=True)] for name in FATES}
    return pd.DataFrame(cells, index=counts.index).assign(**{MEDIAN: counts[MEDIAN]})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bars")
    parser.add_argument("--tickers", nargs="*", default=[])
    parser.add_argument("--until", default="2013-02-28")
    parser.add_argument("--folder", type=Path, default=Path(".evergreen/decisions"))
    parser.add_argument("--every", type=int, default=1, help="quarters from one canary to the next")
    parser.add_argument("--min-train", type=int, default=TrainingConfig.min_train, help="sessions before a first fold")
    options = parser.parse_args()
    end = pd.Timestamp(options.until)
    market = build_market(
        read_bars(options.bars, "XNYS", end, end, options.tickers or None), NEXT_RETURN, options.folder / "market"
    )
    config = TrainingConfig(min_train=options.min_train, **suited(len(market.tickers)) | {"learner": "lightgbm"})  # type: ignore[arg-type]
    print(with_intervals(table(Recipes.of(market, config, options.folder), options.every)).to_string())


if __name__ == "__main__":
    main()
