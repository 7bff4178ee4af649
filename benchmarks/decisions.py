"""What gate and canary decide of challengers whose worth is known, by the rules before decision 27 and by those since.

    python -m benchmarks.decisions sample --tickers AAPL IBM MSFT GOOG --until 2013-02-28 --folder .evergreen/decisions

A canary of 60 sessions begins every quarter, after the record that both models have by then: record windows lie before
their canary's. All models stand on one grid of quarters, so that trainings share their folds. Both rules see the same
forecasts; guardrails on outputs and requests are left out, so that what the tests alone do is seen.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from evergreen.core.canary import CanaryVerdict, QualityTest
from evergreen.core.canary.stages import SPEAKS_OF_HARM
from evergreen.core.evaluation.diebold_mariano import dm_test, scale
from evergreen.core.evaluation.losses import relative_difference
from evergreen.core.evaluation.metrics import session_losses
from evergreen.core.model.breadth import suited
from evergreen.core.model.config import TrainingConfig
from evergreen.core.policy import CanaryPolicy, GatePolicy, Policy
from evergreen.core.policy.policy import Undecided
from evergreen.replay.bars import read_bars
from evergreen.replay.breaks import LEAKED, SERVING
from evergreen.replay.fits import Fits
from evergreen.replay.judging import forecasts_of, freeze_canary, judge, record_of
from evergreen.replay.market import build_market
from evergreen.replay.models import Models
from evergreen.replay.versions import ServingFault, Version

QUARTER, SESSIONS, OLD_RECORD = 63, 60, 250
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


def kinds(models: Models, session: int) -> dict[str, tuple[Version, Version]]:
    """Champion and challenger of each kind, for a canary that begins after a session."""

    def version(kind: type[Version], age: int, fault: str = "") -> Version:
        trained = models.trained_at(session - age * QUARTER)
        served = ServingFault(fault, seed=session) if fault else None
        since = session + 1 if age == 0 or kind is not Version else session - age * QUARTER + 1
        return kind("2" if age else "3", models, trained, since, served)

    old, fresh = version(Version, 4), version(Version, 0)
    shown = {
        "fresh against 252 sessions old": (old, fresh),
        "fresh against 126 sessions old": (version(Version, 2), fresh),
        "252 sessions old against fresh": (fresh, old),
        "useless all along": (old, version(Useless, 0, "shuffled")),
        "leak, noise when served, unseen by the instance check": (old, version(Leaking, 0, "shuffled")),
    }
    return shown | {f"served {name}": (old, version(Version, 0, name)) for name in SERVING if name != "leak"}


def new_fates(champion: Version, challenger: Version, session: int) -> dict[str, Fate]:
    """By the policy's rules, for each way to end what is undecided."""
    if not judge(GatePolicy(), champion, challenger, session, 1).admitted:
        return dict.fromkeys(ENDINGS, "refused")
    if not isinstance(challenger, Useless) and challenger.difference(session + 1):
        return dict.fromkeys(ENDINGS, "stopped")
    return {ending: canary_fate(ending, champion, challenger, session) for ending in ENDINGS}


def canary_fate(ending: Undecided, champion: Version, challenger: Version, session: int) -> Fate:
    """Of a challenger that is let into canary."""
    policy = Policy("new", gate=GatePolicy(), canary=CanaryPolicy(undecided=ending))
    test = walk(freeze_canary(policy, champion, challenger, session, 1).test, champion, challenger, session)
    if test.decision is CanaryVerdict.INCONCLUSIVE and ending == "regret":
        gains = test.expected_gain > 0 and test.highest_e_rollback < SPEAKS_OF_HARM
        return "promoted" if gains else "declined"
    return NAMES[test.decision]


def old_fate(champion: Version, challenger: Version, session: int) -> Fate:
    """A tenth of the scale in the gate, a quarter of it in the canary, the last 250 sessions, and hold."""
    forecasts = forecasts_of(champion, session)
    assert forecasts is not None
    rows = record_of(challenger).merge(forecasts, on=["ticker", "session"])
    last = np.sort(rows["session"].unique())[-OLD_RECORD:]
    by_row = rows[rows["session"].isin(last)].set_index(["ticker", "session"])
    names = {"champion": "forecast_y", "challenger": "forecast_x"}
    losses = {name: session_losses(by_row[column], by_row["label"]).to_numpy() for name, column in names.items()}
    losses["zero"] = session_losses(0 * by_row["label"], by_row["label"]).to_numpy()
    for opponent in ("champion", "zero"):
        r = relative_difference(losses[opponent], losses["challenger"])
        if not dm_test(r).lower90 > -scale(r) / 10:
            return "refused"
    return NAMES[walk(QualityTest(losses["champion"], losses["challenger"]), champion, challenger, session).decision]


NAMES = {
    CanaryVerdict.PROMOTE: "promoted",
    CanaryVerdict.ROLLBACK: "rolled back",
    CanaryVerdict.INCONCLUSIVE: "undecided",
    CanaryVerdict.CONTINUE: "undecided",
}


def walk(test: QualityTest, champion: Version, challenger: Version, session: int) -> QualityTest:
    """The canary's sessions after `session`."""
    days = range(session + 1, session + 1 + SESSIONS)
    for day, ours, theirs in zip(
        days, *(each.judged(test.rules.statistic, days) for each in (champion, challenger)), strict=True
    ):
        if np.isfinite(ours):
            test.update(day, ours, theirs)
    return test


ENDINGS: tuple[Undecided, ...] = ("hold", "carried", "regret")
FATES = ("refused", "stopped", "promoted", "rolled back", "declined", "undecided")


def table(models: Models, every: int = 1) -> pd.DataFrame:
    """Counts of fates by kind of challenger and rules; a canary begins every so many quarters."""
    config, sessions = models.fits.config, len(models.market.sessions)
    first = config.min_train + (4 + 2) * QUARTER + config.embargo + 2 * config.horizon
    starts = range(sessions - 1 - SESSIONS - config.horizon, first, -every * QUARTER)
    counts: dict[tuple[str, str], Counter[Fate]] = {}
    for session in starts:
        for kind, pair in kinds(models, session).items():
            fates = {"old": old_fate(*pair, session)} | new_fates(*pair, session)
            for rules, fate in fates.items():
                counts.setdefault((kind, rules), Counter())[fate] += 1
    return pd.DataFrame({key: [count[fate] for fate in FATES] for key, count in counts.items()}, index=list(FATES)).T


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
    print(table(Models(market, Fits(market, config, options.folder / "fits")), options.every).to_string())


if __name__ == "__main__":
    main()
