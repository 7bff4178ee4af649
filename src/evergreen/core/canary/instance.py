"""Is it the model that was judged? What was served is recomputed by a second path, and must be equal to the bit."""

from __future__ import annotations

import numpy as np
import pandas as pd

NEAR = 1e-6  # relative: what a turned sign or another unit leaves of rounding


def difference_from(served: pd.Series, recomputed: pd.Series) -> str:
    """What is wrong with forecasts that were served, in one sentence; empty where all are equal to the bit.

    Nothing about it is statistical: equal models never differ, and what differs is not the model that was judged.

    Args:
        served: log return by ticker, of one version in one session.
        recomputed: by ticker, from the bars known then, the factors computed in batch and the registry's file.
    """
    ours, theirs = served.align(recomputed, join="outer")
    wrong = ~((ours == theirs) | (ours.isna() & theirs.isna()))
    if not wrong.any():
        return ""
    named = ", ".join(str(ticker) for ticker in wrong.index[wrong][:3])
    return (
        f"{int(wrong.sum())} of {len(wrong)} forecasts are not those of its file on that session's features "
        f"({named}{', ...' if wrong.sum() > 3 else ''}): {_likeness(ours.to_numpy(float), theirs.to_numpy(float))}."
    )


def _likeness(served: np.ndarray, recomputed: np.ndarray) -> str:
    """What kind of difference it looks like, for whoever looks for its cause."""
    if not np.isfinite(served).all():
        return "some were served without a number, or not at all"
    if not np.isfinite(recomputed).all():
        return "some tickers had no bar to forecast from"
    if len(served) > 1 and np.ptp(served) == 0:
        return "one and the same number was served for everything"
    if len(served) > 1 and np.array_equal(np.sort(served), np.sort(recomputed)):
        return "the same numbers were served under other tickers"
    ratio = float(served @ recomputed) / float(recomputed @ recomputed) if recomputed.any() else 0.0
    if ratio and np.allclose(served, ratio * recomputed, rtol=NEAR, atol=0):
        return f"what was served is {ratio:.4g} times what was computed"
    return f"they differ by up to {np.abs(served - recomputed).max():.2g}"
