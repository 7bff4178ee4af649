"""Factors ranked within their session: where a ticker stands among all of that day."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from evergreen.core.model.protocol import Codes, Rows


def session_scores(rows: Rows, session: Codes) -> Rows:
    """Normal scores of each column within each session: rank r of n is the (r - 1/2) / n quantile of N(0, 1).

    Equal values share their mean rank. What is not finite takes the middle, 0; so does a session's only ticker.

    Args:
        rows: rows x features.
        session: a number for the session of each row.

    Returns:
        rows x features, float32.
    """
    scores = np.empty(rows.shape, dtype=np.float32)
    order = np.argsort(session, kind="stable")
    starts = np.flatnonzero(np.diff(session[order], prepend=-1))
    for places in np.split(order, starts[1:]):
        scores[places] = _scores(rows[places])
    return scores


def _scores(rows: Rows) -> Rows:
    """Of one session, all columns at once: mean ranks of ties by the ends of each run of equal values."""
    values = np.where(np.isfinite(rows), rows, np.float32(np.inf))  # to the end, behind what is known
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    place = np.arange(len(values))[:, None]
    new = np.vstack([np.ones((1, values.shape[1]), dtype=bool), ordered[1:] != ordered[:-1]])
    first = np.maximum.accumulate(np.where(new, place, 0), axis=0)
    ends = np.vstack([new[1:], np.ones((1, values.shape[1]), dtype=bool)])
    last = np.minimum.accumulate(np.where(ends, place, len(values))[::-1], axis=0)[::-1]
    known = np.isfinite(ordered)
    count = np.maximum(known.sum(axis=0), 1)
    share = np.where(known, ((first + last) / 2 + 0.5) / count, 0.5)
    scores = np.empty(rows.shape, dtype=np.float32)
    np.put_along_axis(scores, order, ndtri(share).astype(np.float32), axis=0)
    return scores
