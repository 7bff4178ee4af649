"""Out-of-sample metrics of one model against the random walk, and the line that says what they amount to."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from evergreen.core.diebold_mariano import dm_test
from evergreen.core.metrics import ic, icir, rank_ic, relative_difference, session_losses, skill


def evaluate(oos: pd.DataFrame) -> dict[str, float | None]:
    """Metrics of out-of-sample rows (ticker, session, forecast, label, lower, upper); None where undefined.

    `gain` is mean r against the random walk (see `relative_difference`) with one-sided 90 % bounds,
    `p_better` the one-sided p of that gain, `coverage` the share of labels inside their interval.
    """
    rows = oos.set_index(["ticker", "session"])
    forecast, label = rows["forecast"], rows["label"]
    losses, zero = session_losses(forecast, label), session_losses(forecast * 0.0, label)
    gain = dm_test(relative_difference(zero, losses))
    pearson, spearman = ic(forecast, label), rank_ic(forecast, label)
    values = {
        "loss": float(losses.mean()),
        "loss_random_walk": float(zero.mean()),
        "skill": skill(losses, zero),
        "ic": float(pearson.mean()),
        "icir": icir(pearson),
        "rank_ic": float(spearman.mean()),
        "rank_icir": icir(spearman),
        "gain": gain.mean,
        "gain_lower90": gain.lower90,
        "gain_upper90": gain.upper90,
        "p_better": gain.p_better,
        "coverage": float(label.between(rows["lower"], rows["upper"]).mean()),
        "sessions": float(len(losses)),
        "rows": float(len(rows)),
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def skill_line(metrics: Mapping[str, float | None], alpha: float = 0.05) -> str:
    """One honest sentence on `evaluate`'s gain over the random walk: skill is claimed only at p < alpha."""
    gain, p = metrics["gain"] or 0.0, metrics["p_better"]
    if p is None:
        return "Skill over the random walk cannot be judged: a forecast is not finite."
    sessions, side = f"{metrics['sessions']:.0f} sessions", "below" if gain >= 0 else "above"
    measured = f"over {sessions} a session's loss is on average {abs(gain):.2%} {side} the random walk's"
    if p < alpha:
        return f"Skill over the random walk: {measured} (p = {p:.3f})."
    return f"No measurable skill over the random walk: {measured} (p = {p:.3f}, {alpha:g} is needed)."
