"""Realized skill in numbers a person can act on: by ticker, by regime, and whether intervals held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.core.evaluation.losses import skill_score

REGIMES = ("calm", "usual", "wild")


@dataclass(frozen=True, eq=False)
class Realized:
    """How a version did while it served, beside its walk-forward record.

    `by_ticker` and `by_regime` have columns sessions, gain (1 - squared error / the random walk's) and the
    record's gain of the same ticker or regime; regimes are thirds of the record's sessions by mean absolute
    return. `coverage` is the share of outcomes inside the 90 % interval that was answered, NaN when nobody asked;
    `record_coverage` is the record's.
    """

    by_ticker: pd.DataFrame
    by_regime: pd.DataFrame
    coverage: float
    record_coverage: float


def realized(settled: pd.DataFrame, record: pd.DataFrame, answered: pd.DataFrame) -> Realized:
    """Compare what was served with the record, as known once the last outcome of `settled` is.

    Args:
        settled: ticker, session, forecast, outcome (log returns).
        record: ticker, session, forecast, label, lower, upper.
        answered: outcome, lower, upper (log returns) of each ticker and session that a client asked for.
    """
    promised = record.rename(columns={"label": "outcome"}).dropna(subset="outcome")
    limits = _session_moves(promised).groupby(promised["session"]).first().quantile([1 / 3, 2 / 3]).to_numpy()
    served, before = (part.assign(regime=_regime(part, limits)) for part in (settled, promised))
    lived = [name for name in REGIMES if name in set(served["regime"])]
    return Realized(
        by_ticker=_compare(served, before, "ticker"),
        by_regime=_compare(served, before, "regime").reindex(lived),
        coverage=_coverage(answered),
        record_coverage=_coverage(promised),
    )


def _coverage(rows: pd.DataFrame) -> float:
    return float(rows["outcome"].between(rows["lower"], rows["upper"]).mean())


def _session_moves(rows: pd.DataFrame) -> pd.Series:
    return rows["outcome"].abs().groupby(rows["session"]).transform("mean")


def _regime(rows: pd.DataFrame, limits: np.ndarray) -> pd.Series:
    places = np.searchsorted(limits, _session_moves(rows).to_numpy(), side="right")
    return pd.Series(np.array(REGIMES, dtype=object)[places], index=rows.index)


def _compare(settled: pd.DataFrame, promised: pd.DataFrame, by: str) -> pd.DataFrame:
    served, record = _gain(settled, by), _gain(promised, by)
    return served.join(record["gain"].rename("record"), how="left")


def _gain(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    squared = pd.DataFrame({"loss": (rows["outcome"] - rows["forecast"]) ** 2, "baseline": rows["outcome"] ** 2})
    sums = squared.groupby(rows[by]).sum()
    sessions = rows.groupby(by)["session"].nunique().rename("sessions")
    return sessions.to_frame().assign(gain=skill_score(sums["loss"], sums["baseline"]))
