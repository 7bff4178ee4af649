"""What a walk leaves behind as tables: one row a session of what was served, one row a decision."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.replay.versions import Version
from evergreen.replay.walk import Walk

SESSIONS = (
    "policy",
    "session",
    "champion",
    "challenger",
    "stage",
    "weight",
    "age",
    "n",
    "rank_ic",
    "ic",
    "loss",
    "loss_random_walk",
    "covered",
)


def sessions_table(walk: Walk) -> pd.DataFrame:
    """By session what clients were served: figures of champion and challenger, weighed by their shares of clients.

    `age` counts sessions since the champion was trained; `covered` is the champion's. NaN where no outcome came.
    """
    served = pd.DataFrame([vars(one) for one in walk.served]).set_index("session")
    first, level = walk.first, walk.models.fits.config.interval
    champion = _figures(walk, served["champion"])
    mixed = served["weight"] > 0
    challenger = _figures(walk, served["challenger"].where(mixed, served["champion"]))
    share = served["weight"]
    table = served.assign(
        policy=walk.policy.name,
        n=champion["n"],
        loss_random_walk=champion["loss_random_walk"],
        age=[_age(walk.versions[one.champion], one.session) for one in walk.served],
        covered=_covered(walk, served["champion"], level),
    )
    for name in ("rank_ic", "ic", "loss"):
        blend = (1 - share) * champion[name] + share * challenger[name]
        table[name] = champion[name].where(~mixed, blend)
    days = walk.models.market.sessions[first : walk.last + 1]
    return table.assign(session=days)[list(SESSIONS)].reset_index(drop=True)


def decisions_table(walk: Walk) -> pd.DataFrame:
    """Every decision in order: policy, session, kind, version, trained_through, cause, sentence, numbers (JSON)."""
    days = walk.models.market.sessions
    rows = [
        {
            "policy": walk.policy.name,
            "session": days[one.session],
            "kind": one.kind,
            "version": one.version,
            "trained_through": pd.NaT if one.trained is None else days[one.trained],
            "cause": one.cause,
            "sentence": one.sentence,
            "numbers": pd.Series(one.numbers, dtype=float).to_json(double_precision=12),
        }
        for one in walk.decisions
    ]
    return pd.DataFrame(rows)


def forecasts_served(walk: Walk) -> pd.DataFrame:
    """Ticker, session, forecast, label of the champion of each session, as a backtest takes them."""
    market = walk.models.market
    parts = []
    for name, span in spans(pd.Series([one.champion for one in walk.served], index=range(walk.first, walk.last + 1))):
        rows = market.rows(span.start, span.stop)
        parts.append(walk.versions[name].forecasts(span).assign(label=market.label[rows]))
    return pd.concat(parts, ignore_index=True)


def spans(names: pd.Series) -> list[tuple[str, range]]:
    """Runs of one name over consecutive numbers."""
    begins = np.flatnonzero((names != names.shift()).to_numpy())
    ends = [*begins[1:], len(names)]
    start = int(names.index[0])
    return [(str(names.iloc[a]), range(start + int(a), start + int(b))) for a, b in zip(begins, ends, strict=True)]


def _figures(walk: Walk, names: pd.Series) -> pd.DataFrame:
    return pd.concat([walk.versions[name].scores(span) for name, span in spans(names)])


def _covered(walk: Walk, names: pd.Series, level: float) -> pd.Series:
    parts: list[pd.Series] = [walk.versions[name].covered(span, level) for name, span in spans(names)]
    return pd.Series(pd.concat(parts))


def _age(version: Version, session: int) -> float:
    return float(session - version.trained.session) if version.trained else np.nan
