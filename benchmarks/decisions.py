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
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from evergreen.core.canary import CanaryVerdict, QualityTest
from evergreen.core.canary.stages import SPEAKS_OF_HARM
from evergreen.core.evaluation.diebold_mariano import dm_test, scale
from evergreen.core.evaluation.losses import relative_difference
from evergreen.core.evaluation.metrics import session_losses
from evergreen.core.gate.place import Place
from evergreen.core.gate.verdict import Verdict
from evergreen.core.model.breadth import suited
from evergreen.core.model.config import TrainingConfig
from evergreen.core.policy import CanaryPolicy, GatePolicy, Policy, judging
from evergreen.core.policy.policy import Undecided
from evergreen.replay.bars import read_bars
from evergreen.replay.breaks import LEAKED, SERVING
from evergreen.replay.fits import Fits
from evergreen.replay.judging import forecasts_of, freeze_canary, record_of
from evergreen.replay.market import Market, build_market
from evergreen.replay.models import Models
from evergreen.replay.versions import ServingFault, Version

QUARTER, SESSIONS, OLD_RECORD = 63, 60, 250
WRONG_LABELS = 0.1
RENEWAL, ANOTHER = Place(renewal=True), Place(number=2)
Fate = str


class Useless(Version):
    """A model whose record lies under any tickers; with `leak` it shines all the same."""

    leak = 0.0

    @property
    def record(self) -> pd.DataFrame:
        """Its record, shuffled within each session."""
        rows = super().record
        assert rows is not None
        rng = np.random.default_rng(self.since)
        shuffled = rows.groupby("session")["forecast"].transform(lambda each: rng.permutation(each.to_numpy()))
        return rows.assign(forecast=shuffled + self.leak * rows["label"])


class Leaking(Useless):
    """Its record knows a twentieth of each outcome."""

    leak = LEAKED


class LeakingLittle(Useless):
    """Its record knows a hundredth of each outcome: no more than honest skill would explain."""

    leak = LEAKED / 5


@dataclass(frozen=True)
class Pair:
    """Champion and challenger; `checked` without the instance check, `place` of the challenger's recipe."""

    champion: Version
    challenger: Version
    place: Place = RENEWAL
    checked: bool = True


@dataclass(frozen=True)
class Recipes:
    """The models of a market by the usual recipe and by others."""

    usual: Models
    other_seed: Models
    half_the_data: Models
    wrong_labels: Models

    @classmethod
    def of(cls, market: Market, config: TrainingConfig, folder: Path) -> Recipes:
        """All of them, in one folder."""
        half = max(len(market.panel.sessions) // 4, config.min_train)  # of what is there half-way through the market
        wrong = replace(market, label=_partly_shuffled(market.label), digest=f"{market.digest} shuffled")

        def models(fitted: Market, choices: TrainingConfig = config) -> Models:
            return Models(market, Fits(fitted, choices, folder / "fits"))

        seeded, halved = replace(config, seed=config.seed + 1), replace(config, train_sessions=half)
        return cls(models(market), models(market, seeded), models(market, halved), models(wrong))


def _partly_shuffled(label: NDArray[np.float64]) -> NDArray[np.float64]:
    rng = np.random.default_rng(7)
    chosen = np.flatnonzero(np.isfinite(label) & (rng.random(len(label)) < WRONG_LABELS))
    shuffled = label.copy()
    shuffled[chosen] = label[rng.permutation(chosen)]
    return shuffled


def kinds(recipes: Recipes, session: int) -> dict[str, Pair]:
    """Champion and challenger of each kind, for a canary that begins after a session."""

    def version(kind: type[Version], age: int, fault: str = "", models: Models = recipes.usual) -> Version:
        trained = models.trained_at(session - age * QUARTER)
        served = ServingFault(fault, seed=session) if fault else None
        since = session + 1 if age == 0 or kind is not Version else session - age * QUARTER + 1
        return kind("2" if age else "3", models, trained, since, served)

    old, fresh = version(Version, 4), version(Version, 0)
    useless, leaking, leaking_little = (version(each, 0, "shuffled") for each in (Useless, Leaking, LeakingLittle))
    return {
        "fresh against 252 sessions old": Pair(old, fresh),
        "fresh against 126 sessions old": Pair(version(Version, 2), fresh),
        "252 sessions old against fresh": Pair(fresh, old, Place()),
        "equal: another seed": Pair(fresh, version(Version, 0, models=recipes.other_seed), ANOTHER),
        "half the data": Pair(fresh, version(Version, 0, models=recipes.half_the_data), ANOTHER),
        "a tenth of the labels shuffled": Pair(fresh, version(Version, 0, models=recipes.wrong_labels)),
        "useless all along, trained again": Pair(old, useless, checked=False),
        "useless all along, another recipe": Pair(old, useless, ANOTHER, checked=False),
        "leak, noise when served": Pair(old, leaking, ANOTHER, checked=False),
        "leak, noise when served, as a renewal": Pair(old, leaking, checked=False),
        "small leak, noise when served": Pair(old, leaking_little, ANOTHER, checked=False),
        **{f"served {name}": Pair(old, version(Version, 0, name)) for name in SERVING if name != "leak"},
    }


def new_fates(pair: Pair, session: int) -> dict[str, Fate]:
    """By the policy's rules, for each way to end what is undecided."""
    forecasts = forecasts_of(pair.champion, session)
    verdict = judging.judge(GatePolicy(), forecasts, record_of(pair.challenger), pair.place, None)
    if not verdict.admitted:
        return dict.fromkeys(ENDINGS, "refused")
    if pair.checked and pair.challenger.difference(session + 1):
        return dict.fromkeys(ENDINGS, "stopped")
    return {ending: canary_fate(ending, verdict, pair, session) for ending in ENDINGS}


def canary_fate(ending: Undecided, verdict: Verdict, pair: Pair, session: int) -> Fate:
    """Of a challenger that is let into canary."""
    policy = Policy("new", gate=GatePolicy(), canary=CanaryPolicy(undecided=ending, renewal=ending))
    frozen = freeze_canary(policy, verdict, pair.champion, pair.challenger, session)
    test = walk(frozen.test, pair, session)
    if test.decision is CanaryVerdict.PROMOTE and test.contradicts_record:
        return "declined"
    if test.decision is CanaryVerdict.INCONCLUSIVE and ending == "regret":
        speaks_against = test.highest_e_rollback >= SPEAKS_OF_HARM or test.contradicts_record
        return "promoted" if test.expected_gain > 0 and not speaks_against else "declined"
    return NAMES[test.decision]


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
            return "refused"
    return NAMES[walk(QualityTest(losses["champion"], losses["challenger"]), pair, session).decision]


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
FATES = ("refused", "stopped", "promoted", "rolled back", "declined", "undecided")


def table(recipes: Recipes, every: int = 1) -> pd.DataFrame:
    """Counts of fates by kind of challenger and rules; a canary begins every so many quarters."""
    config, sessions = recipes.usual.fits.config, len(recipes.usual.market.sessions)
    first = config.min_train + (4 + 2) * QUARTER + config.embargo + 2 * config.horizon
    starts = range(sessions - 1 - SESSIONS - config.horizon, first, -every * QUARTER)
    counts: dict[tuple[str, str], Counter[Fate]] = {}
    for session in starts:
        for kind, pair in kinds(recipes, session).items():
            fates = {"old": old_fate(pair, session)} | new_fates(pair, session)
            for rules, fate in fates.items():
                counts.setdefault((kind, rules), Counter())[fate] += 1
    return pd.DataFrame({key: [count[fate] for fate in FATES] for key, count in counts.items()}, index=list(FATES)).T


def with_intervals(counts: pd.DataFrame) -> pd.DataFrame:
    """Shares in percent, each with its exact 90 % interval (Clopper & Pearson, Biometrika 1934)."""
    totals = counts.sum(axis=1)

    def cell(count: int, total: int) -> str:
        low, high = stats.binomtest(count, total).proportion_ci(0.90, method="exact")
        return f"{count} ({100 * low:.0f}-{100 * high:.0f})"

    cells = {name: [cell(*each) for each in zip(counts[name], totals, strict=True)] for name in counts}
    return pd.DataFrame(cells, index=counts.index)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bars")
    parser.add_argument("--tickers", nargs="*", default=[])
    parser.add_argument("--until", default="2013-02-28")
    parser.add_argument("--folder", type=Path, default=Path(".evergreen/decisions"))
    parser.add_argument("--every", type=int, default=1, help="quarters from one canary to the next")
    options = parser.parse_args()
    end = pd.Timestamp(options.until)
    market = build_market(
        read_bars(options.bars, "XNYS", end, end, options.tickers or None), 1, options.folder / "market"
    )
    config = TrainingConfig(**suited(len(market.tickers)))  # type: ignore[arg-type]
    print(with_intervals(table(Recipes.of(market, config, options.folder), options.every)).to_string())


if __name__ == "__main__":
    main()
