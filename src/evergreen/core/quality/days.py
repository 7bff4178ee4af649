"""Rules that a whole session breaks: what went wrong for many names at once went wrong at the vendor."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evergreen.core.quality.delivery_panel import DeliveryPanel
from evergreen.core.quality.tape import Floats, Ints, Mask

FAULTY = (
    "not_finite",
    "not_positive",
    "negative_volume",
    "zero_volume",
    "high_not_highest",
    "low_not_lowest",
    "stale_bar",
    "spike",
    "lost_digit",
    "wrong_company",
)
MANY_NAMES = 10  # in a panel of 500 real stocks no session has more than two faults by chance
MANY_SHARE = 0.02  # in larger panels ten may be chance
MOST_SHARE = 0.5  # more wrong than right
FEWEST_NAMES = 4  # with fewer tickers a share of them says nothing about the vendor
PROVISIONAL_SHARE = 0.2  # of the newest session: on no session of 500 real stocks that was final are so many faulty
PROVISIONAL_NAMES = 10  # with fewer a fifth is two
UNFINISHED = 0.25  # of the usual shares: on half days 500 real stocks trade between a third and a half
COVERAGE_FLOOR = 0.5  # ranks over less than half of the names are ranks of something else
COVERAGE_USUAL = 0.9  # halts and listings take a few names in a hundred, never ten
RECENT = 5  # sessions: a ticker with a bar in them is expected today


def day_masks(panel: DeliveryPanel, masks: Mapping[str, Mask]) -> dict[str, Mask]:
    """`vendor_fault` and `faulty_session` mark the faulty bars of a session, the coverage rules all its bars."""
    faulty = np.zeros(len(panel.bars), dtype=bool)
    for name in FAULTY:
        mask = masks[name]
        faulty |= mask.any(axis=1) if mask.ndim == 2 else mask
    placed = panel.at >= 0
    there = np.bincount(panel.at[placed & ~panel.copied], minlength=len(panel.days))
    wrong = np.bincount(panel.at[placed & ~panel.copied & faulty], minlength=len(panel.days))
    most = (wrong >= MOST_SHARE * there) & (there >= FEWEST_NAMES)
    many = (wrong >= MANY_NAMES) & (wrong >= MANY_SHARE * there) & ~most
    covered = _coverage(panel, there)
    newest = np.arange(len(panel.days)) == panel.at.max(initial=-1)
    unfinished = newest & (there >= PROVISIONAL_NAMES) & _unfinished(panel, wrong, there) & ~most
    return {
        "provisional_session": _on(panel.at, unfinished),
        "faulty_session": faulty & _on(panel.at, most),
        "vendor_fault": faulty & _on(panel.at, many & ~unfinished),
        "low_coverage": _on(panel.at, covered < COVERAGE_FLOOR),
        "thin_coverage": _on(panel.at, (covered >= COVERAGE_FLOOR) & (covered < COVERAGE_USUAL)),
    }


def _unfinished(panel: DeliveryPanel, wrong: Ints, there: Ints) -> Mask:
    """Whether a fifth of a session's bars are faulty or, of the newest session, most say that few shares traded."""
    tape, newest = panel.tape, panel.at.max(initial=-1)
    rows = np.flatnonzero((tape.at == newest) & (tape.row >= 0))
    thin = (tape.times_usual(tape.volume, rows) < UNFINISHED).sum() >= MOST_SHARE * max(len(rows), 1)
    return np.asarray((wrong >= PROVISIONAL_SHARE * there) | (thin & (np.arange(len(there)) == newest)))


def _on(at: Ints, sessions: Mask) -> Mask:
    """Bars on the marked sessions."""
    return np.asarray(sessions[at] & (at >= 0)) if len(sessions) else np.zeros(len(at), dtype=bool)


def _coverage(panel: DeliveryPanel, there: Ints) -> Floats:
    """Tickers with a bar over tickers expected, per session; 1 where that cannot be told.

    Expected are the tickers whose span holds the session; on the newest session, where spans end, those asked for
    that had a bar in the five sessions before. A delivery with gaps everywhere is a selection, so a share counts
    against the median of the delivery's sessions.
    """
    expected = _alive(panel, len(there))
    share = np.divide(there, expected, out=np.ones(len(there)), where=(expected >= FEWEST_NAMES) & (there > 0))
    known = share[(there > 0) & (expected > 0)]
    return share / np.median(known) if len(known) > 1 else share


def _alive(panel: DeliveryPanel, sessions: int) -> Ints:
    """How many tickers each session should have."""
    tape = panel.whole
    if not len(tape):
        return np.zeros(sessions, dtype=np.intp)
    first = np.flatnonzero(np.r_[True, ~tape.follows()[1:]])
    last = np.r_[first[1:], len(tape)] - 1
    ends = tape.at[last] + 1
    newest = int(panel.at.max())
    ends = np.where(ends > newest - RECENT, np.maximum(ends, newest + 1), ends)
    steps = np.bincount(tape.at[first], minlength=sessions + 1) - np.bincount(ends, minlength=sessions + 1)
    missing = _asked_for(panel, newest)
    alive = np.cumsum(steps)[:sessions]
    alive[newest] += missing
    return alive


def _asked_for(panel: DeliveryPanel, newest: int) -> int:
    """Tickers of the universe that had a bar shortly before `newest` and are absent from the delivery."""
    if panel.universe is None or panel.past.empty:
        return 0
    recent = panel.past["session"] >= panel.days[max(newest - RECENT, 0)]
    known = set(panel.past.loc[recent, "ticker"].unique())
    return len((known & panel.universe) - set(panel.bars["ticker"].unique()))
