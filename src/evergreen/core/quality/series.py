"""Rules that a bar breaks beside the others of its ticker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evergreen.core.quality.line import Floats, Ints, Line, Mask
from evergreen.core.quality.panel import Panel

SPLITS = np.array([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100])
SPLIT_AT_OPEN = 0.04  # log distance: a split shows in the open, before the session's own news
SPLIT_AT_CLOSE = 0.15
CROWD = 4.0  # times the usual: news brings crowds, a split or a wrong digit does not
GREAT_JUMP = 0.4  # in logs; a third lost or half gained
LONGEST_SPIKE = 5  # bars
SPIKE_GAP = 0.04  # in logs, between the whole range of the spike and the ranges around it
SPIKE_DEVIATIONS = 5.0
WICK = 1.0  # in logs, beyond open, close and the bars around; flash crashes (2015-08-24) went 0.7
WICK_DEVIATIONS = 15.0
FLAT_BARS = 5
LONG_GAP = 60  # sessions
OTHER_LEVEL = 0.4  # in logs


@dataclass(frozen=True)
class Jumps:
    """Where the adjusted open leaves the close before by a third or more, and how the money then traded."""

    bar: Ints  # places in the line
    opening: Floats  # log
    closing: Floats
    shares: Floats  # times the usual
    money: Floats


def spike(line: Line) -> Mask:
    """Up to five bars whose whole range lies clear of the ranges on both sides, which meet again.

    The gap is over 4 % and five times the ticker's usual move: a lost digit, bars of another company, a wrong
    currency. A real excursion that far and back leaves a bar that touches one side.
    """
    found = np.zeros(len(line), dtype=bool)
    least = np.maximum(SPIKE_GAP, SPIKE_DEVIATIONS * line.usual_move())
    low, high = line.low, line.high
    for length in range(1, LONGEST_SPIKE + 1):
        if length > 1:
            low = np.fmin(low, line.after(line.low, length - 1))
            high = np.fmax(high, line.after(line.high, length - 1))
        for start in np.flatnonzero(_departs(line, low, high, length, least * np.sqrt(length))):
            found[start : start + length] |= not found[start : start + length].any()
    return found


def _departs(line: Line, low: Floats, high: Floats, length: int, least: Floats) -> Mask:
    """Whether `length` bars with these extremes leave what is before and after them, and come back."""
    top = np.maximum(line.before(line.high), line.after(line.high, length))
    bottom = np.minimum(line.before(line.low), line.after(line.low, length))
    gap = np.log(np.maximum(low / top, bottom / high))
    back = np.abs(np.log(line.after(line.open, length) / line.before(line.close)))
    return (gap > least) & (back < gap / 2)


def wick(line: Line) -> Mask:
    """A high over 2.7 times, or a low below 1/2.7 of, what open, close and the bars around reached."""
    reach = np.maximum(WICK, WICK_DEVIATIONS * line.usual_move())
    top, bottom = np.maximum(line.open, line.close), np.minimum(line.open, line.close)
    above = np.fmax(np.fmax(line.before(line.high), line.after(line.high)), top)
    below = np.fmin(np.fmin(line.before(line.low), line.after(line.low)), bottom)
    return (np.log(line.high / above) > reach) | (np.log(below / line.low) > reach)


def jumps(line: Line) -> Jumps:
    """Every jump of the line, given without its spikes."""
    before = line.before(line.close)
    opening, closing = np.log(line.open / before), np.log(line.close / before)
    great = np.minimum(np.abs(opening), np.abs(closing)) > np.log(SPLITS[0]) - SPLIT_AT_CLOSE
    bar = np.flatnonzero(great & (opening * closing > 0))
    money = line.times_usual(line.close * line.volume, bar)
    return Jumps(bar, opening[bar], closing[bar], line.times_usual(line.volume, bar), money)


def lost_digit(line: Line, jump: Jumps) -> Mask:
    """A jump by a power of ten with shares as usual, less than six bars before the ticker's end.

    Further back it would have returned, and be a spike. A split of ten changes the number of shares alike.
    """
    tens = np.round(jump.opening / np.log(10))
    near = (tens != 0) & (np.abs(jump.opening - tens * np.log(10)) < SPLIT_AT_CLOSE)
    usual = (jump.shares < CROWD) & (jump.shares > 1 / CROWD)
    found = np.zeros(len(line), dtype=bool)
    for start in jump.bar[near & usual]:
        rest = line.ticker[start : start + LONGEST_SPIKE + 1] == line.ticker[start]
        if rest.sum() <= LONGEST_SPIKE:
            found[start : start + rest.sum()] = True
    return found


def unadjusted_split(line: Line, jump: Jumps) -> Mask:
    """A jump that the factor should have taken out: price moves like a split and money as usual.

    The adjusted open over the last adjusted close lies within 4 % (in logs) of a usual split ratio, the close
    within 15 % of the same one, and no more than four times the usual money changed hands: a real crash of
    that size draws a crowd (AAPL 2000-09-29: ten times), a split does not. A factor that moves without the
    price, and a history adjusted only in part, look the same.
    """
    steps = np.concatenate([np.log(SPLITS), -np.log(SPLITS)])
    at_open = np.abs(jump.opening[:, None] - steps) < SPLIT_AT_OPEN
    at_close = np.abs(jump.closing[:, None] - steps) < SPLIT_AT_CLOSE
    return _marked(line, jump.bar[(at_open & at_close).any(axis=1) & (jump.money < CROWD)])


def unexplained_jump(line: Line, jump: Jumps) -> Mask:
    """A jump by a third or more from close to open that neither a split's ratio nor a crowd explains."""
    great = np.minimum(np.abs(jump.opening), np.abs(jump.closing)) > GREAT_JUMP
    return _marked(line, jump.bar[great & (jump.money < CROWD)])


def _marked(line: Line, bars: Ints) -> Mask:
    mask = np.zeros(len(line), dtype=bool)
    mask[bars] = True
    return mask


def stale_bar(line: Line) -> Mask:
    """All four prices of the bar before, though something was traded and prices moved within the bar."""
    same = line.follows() & (line.volume > 0) & (line.high > line.low)
    for values in (line.open, line.high, line.low, line.close):
        same &= values == line.before(values)
    return same


def flat_line(line: Line) -> Mask:
    """Five bars or more in a row at one single price, though shares are said to have traded."""
    return _flat(line, line.volume > 0)


def halted(line: Line) -> Mask:
    """Five bars or more in a row at one single price, and nothing traded."""
    return _flat(line, line.volume == 0)


def _flat(line: Line, traded: Mask) -> Mask:
    """Every bar of a run of at least five such bars, and of one price."""
    flat = (line.high == line.low) & traded
    goes_on = flat & (line.close == line.before(line.close)) & np.roll(flat, 1)
    run = np.cumsum(~goes_on)
    return np.asarray(flat & (np.bincount(run, minlength=len(run) + 1)[run] >= FLAT_BARS))


def missing_sessions(line: Line) -> Mask:
    """The first bar after sessions of which the ticker has none."""
    return line.follows() & (np.diff(line.at, prepend=0) > 1)


def recycled_symbol(line: Line) -> Mask:
    """The first bar after sixty sessions or more without any, at another level of price or volume."""
    resumed = np.flatnonzero(line.follows() & (np.diff(line.at, prepend=0) >= LONG_GAP))
    moved = np.abs(np.log(line.open[resumed] / line.close[resumed - 1])) > OTHER_LEVEL
    shares = np.abs(np.log(line.times_usual(line.volume, resumed))) > np.log(2 * CROWD)
    return _marked(line, resumed[moved | shares])


def series_masks(panel: Panel) -> dict[str, Mask]:
    """Every rule of this module on the delivery; jumps are looked for once spikes are taken out."""
    line = panel.line
    spikes = spike(line)
    settled = line.keep(~spikes) if spikes.any() else line
    jump = jumps(settled)
    lost = lost_digit(settled, jump)
    split = unadjusted_split(settled, jump) & ~lost
    found = {
        "spike": (line, spikes),
        "lost_digit": (settled, lost),
        "unadjusted_split": (settled, split),
        "unexplained_jump": (settled, unexplained_jump(settled, jump) & ~lost & ~split),
        "missing_sessions": (panel.whole, missing_sessions(panel.whole)),
    }
    for rule in (wick, stale_bar, flat_line, halted, recycled_symbol):
        found[rule.__name__] = (settled, rule(settled))
    return {name: panel.mask(of, marked) for name, (of, marked) in found.items()}
