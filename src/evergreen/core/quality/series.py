"""Rules that a bar breaks beside the others of its ticker."""

from __future__ import annotations

import numpy as np

from evergreen.core.quality.delivery_panel import DeliveryPanel
from evergreen.core.quality.jumps import (
    CROWD,
    LONGEST_SPIKE,
    TICKS,
    around,
    jumps,
    lost_digit,
    marked,
    shared_by_many,
    unadjusted_split,
    unexplained_jump,
)
from evergreen.core.quality.tape import Floats, Mask, Placed, Tape

SPIKE_GAP = 0.04  # in logs, between the whole range of the spike and the ranges around it
SPIKE_DEVIATIONS = 5.0  # usual moves: beyond them a gap out and back does not happen in turmoil either
WICK = 0.7  # in logs, beyond open, close and the bars around: twice; no real bar to 2016 went 0.5 alone
WICK_DEVIATIONS = 15.0  # usual moves, for shares that swing by 7 % and more a day
WILD_RANGE = 5.0  # usual moves of the close: on quiet days a name in a hundred has such a range
COARSE = 0.01  # of the price: where a step is greater, prices stand still between steps
FLAT_BARS = 5  # a week: thin names stand still for some days
LONG_GAP = 60  # sessions: exchanges keep a symbol free for a quarter before they give it away
OTHER_LEVEL = 0.4  # in logs; a third lost or half gained, as a great jump


def spike(tape: Tape) -> Mask:
    """Up to five bars whose whole range lies clear of the ranges on both sides, which meet again.

    The gap is over 4 % and five times the ticker's usual move: a lost digit, bars of another company, a wrong
    currency. A real excursion that far and back leaves a bar that touches one side.
    """
    marked = np.zeros(len(tape), dtype=bool)
    least = np.maximum(SPIKE_GAP, SPIKE_DEVIATIONS * tape.usual_move()) + np.log1p(TICKS * tape.tick / tape.low)
    low, high = tape.low, tape.high
    for length in range(1, LONGEST_SPIKE + 1):
        if length > 1:
            low = np.fmin(low, tape.after(tape.low, length - 1))
            high = np.fmax(high, tape.after(tape.high, length - 1))
        for start in np.flatnonzero(_departs(tape, low, high, length, least * np.sqrt(length))):
            marked[start : start + length] |= not marked[start : start + length].any()
    return marked


def _departs(tape: Tape, low: Floats, high: Floats, length: int, least: Floats) -> Mask:
    """Whether `length` bars with these extremes leave what is before and after them, and come back."""
    above = low / np.maximum(tape.before(tape.high), tape.after(tape.high, length))
    below = np.minimum(tape.before(tape.low), tape.after(tape.low, length)) / high
    gap = np.log(np.maximum(above, below, out=above), out=above)
    back = np.abs(np.log(tape.after(tape.open, length) / tape.before(tape.close)))
    return (gap > least) & (back < gap / 2)


def wick(tape: Tape) -> Mask:
    """A high over twice, or a low below half of, what the bars around and either open or close reached, on a day
    when the ranges of other names were as usual: in a flash crash they were not.

    An open or a close may be as wrong as the extreme it made. The newest close may be true: what comes after tells.
    """
    usual, newest = tape.usual_move(), np.isnan(tape.after(tape.close))
    reach = np.maximum(WICK, WICK_DEVIATIONS * usual)
    far = (_above(tape, newest) > reach) | (_below(tape, newest) > reach)
    wild = np.log(tape.high / tape.low) > WILD_RANGE * usual
    return far & ~shared_by_many(tape, wild)


def _above(tape: Tape, newest: Mask) -> Floats:
    """How far a high lies over what the bars around and the lower of open and close reached, in logs."""
    own = np.where(newest, tape.close, np.minimum(tape.open, tape.close))
    return np.log(tape.high / np.fmax(np.fmax(tape.before(tape.high), tape.after(tape.high)), own))


def _below(tape: Tape, newest: Mask) -> Floats:
    """How far a low lies under what the bars around and the higher of open and close reached, in logs."""
    own = np.where(newest, tape.close, np.maximum(tape.open, tape.close))
    return np.log(np.fmin(np.fmin(tape.before(tape.low), tape.after(tape.low)), own) / tape.low)


def stale_bar(tape: Tape) -> Mask:
    """All four prices of the bar before, though something was traded and prices moved within the bar, by steps fine
    enough that they do not come again by chance."""
    same = tape.follows() & (tape.volume > 0) & (tape.high > tape.low) & (tape.tick < COARSE * tape.close)
    for values in (tape.open, tape.high, tape.low, tape.close):
        same &= values == tape.before(values)
    return same


def flat_line(tape: Tape) -> Mask:
    """Five bars or more in a row at one single price, though shares are said to have traded."""
    return _flat(tape, tape.volume > 0)


def halted(tape: Tape) -> Mask:
    """Five bars or more in a row at one single price, and nothing traded."""
    return _flat(tape, tape.volume == 0)


def _flat(tape: Tape, traded: Mask) -> Mask:
    """Every bar of a run of at least five such bars, and of one price."""
    flat = (tape.high == tape.low) & traded & (tape.tick < COARSE * tape.close)
    goes_on = flat & (tape.close == tape.before(tape.close)) & np.roll(flat, 1)
    run = np.cumsum(~goes_on)
    return np.asarray(flat & (np.bincount(run, minlength=len(run) + 1)[run] >= FLAT_BARS))


def missing_sessions(tape: Placed) -> Mask:
    """The first bar after sessions of which the ticker has none."""
    return tape.follows() & (np.diff(tape.at, prepend=0) > 1)


def recycled_symbol(tape: Tape) -> Mask:
    """The first bar after sixty sessions or more without any, at another level of price or volume."""
    resumed = np.flatnonzero(tape.follows() & (np.diff(tape.at, prepend=0) >= LONG_GAP))
    moved = np.abs(np.log(tape.open[resumed] / tape.close[resumed - 1])) > OTHER_LEVEL
    shares = np.abs(np.log(tape.times_usual(tape.volume, resumed))) > np.log(2 * CROWD)
    return marked(tape, resumed[moved | shares])


def series_masks(panel: DeliveryPanel) -> dict[str, Mask]:
    """Every rule of this module on the delivery; jumps are looked for once spikes and wicks are taken out."""
    settled, masks = panel.tape, dict[str, Mask]()
    for rule in (spike, wick):
        marked_bars = rule(settled)
        masks[rule.__name__] = panel.mask(settled, marked_bars)
        settled = settled.keep(~marked_bars) if marked_bars.any() else settled
    jump = jumps(settled)
    lost = lost_digit(settled, jump)
    split = unadjusted_split(settled, jump) & ~lost
    untold = around(settled, unexplained_jump(settled, jump) & ~lost & ~split)
    masks |= {
        "lost_digit": panel.mask(settled, lost),
        "unadjusted_split": panel.mask(settled, split),
        "unexplained_jump": panel.mask(settled, untold),
        "missing_sessions": panel.mask(panel.whole, missing_sessions(panel.whole)),
    }
    others = (stale_bar, flat_line, halted, recycled_symbol)
    return masks | {rule.__name__: panel.mask(settled, rule(settled)) for rule in others}
