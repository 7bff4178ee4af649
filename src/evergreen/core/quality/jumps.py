"""Great jumps overnight: splits that nobody told, lost digits, and crashes, which are no faults."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evergreen.core.quality.tape import FEWEST_BARS, Floats, Ints, Mask, Tape

SPLITS = np.array(  # new shares for an old one that companies choose; reverse splits by their inverse
    [1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100]
)
SPLIT_AT_OPEN = 0.04  # log distance: a split shows in the open, before the session's own news
SPLIT_AT_CLOSE = 0.15  # the news of one session on top
CROWD = 4.0  # times the usual: news brings crowds, a split or a wrong digit does not
MONEY_BY_PRICE = np.log(2)  # a price a hundred times as high makes a crowd of nobody: it counts for no more than this
GREAT_JUMP = 0.4  # in logs; a third lost or half gained
LONGEST_SPIKE = 5  # bars: a vendor mends within a week
WILD = 3.0  # usual moves: a name that moves so moves with the day's news
WILD_SHARE = 0.2  # of the names, the same way; on quiet days of 500 real stocks it is under 0.05
GREAT = 8.0  # usual moves: three names that move so the same way have one cause
GREAT_NAMES = 3  # beside the name itself
FEWEST_NAMES = 10  # with fewer tickers there is no market to judge by
AFTERMATH = 10  # bars: what comes after a split is as what was before it, what comes after a crash is not
RESTLESS = 2.0  # times the usual size of moves, in the week after
TICKS = 2.0  # a price that can only take great steps takes them
AROUND = 1  # bars refused on either side of a jump that cannot be told: what a return over one session touches


@dataclass(frozen=True)
class Jumps:
    """Where the adjusted open leaves the close before by a third or more, and what went with it."""

    bar: Ints  # places in the tape
    opening: Floats  # log
    closing: Floats
    shares: Floats  # times the usual
    money: Floats  # times the usual, a price above twice the one before counted as twice it
    shares_after: Floats  # times the usual: the median of the ten bars from the jump on
    restless: Mask  # moves of the week after are twice the usual
    shared: Mask  # the market, or other names, moved with it that day


def jumps(tape: Tape) -> Jumps:
    """Every jump of the tape, given without its spikes."""
    before = tape.before(tape.close)
    opening, closing = np.log(tape.open / before), np.log(tape.close / before)
    great = np.minimum(np.abs(opening), np.abs(closing)) > np.log(SPLITS[0]) - SPLIT_AT_CLOSE
    bar = np.flatnonzero(great & (opening * closing > 0) & beyond_ticks(tape))
    usual = tape.usual_move()
    return Jumps(
        bar,
        opening[bar],
        closing[bar],
        tape.times_usual(tape.volume, bar),
        tape.times_usual(tape.close * tape.volume, bar) / np.exp(np.maximum(closing[bar] - MONEY_BY_PRICE, 0)),
        _shares_after(tape, bar),
        _ahead(tape, np.abs(closing), bar, np.arange(1, FEWEST_BARS + 1)) > RESTLESS * usual[bar],
        _shared(tape, closing, closing / usual)[bar],
    )


def beyond_ticks(tape: Tape) -> Mask:
    """Whether the close left the one before by more than two of the smallest steps its price can take."""
    return np.asarray(np.abs(tape.close - tape.before(tape.close)) > TICKS * tape.tick)


def lost_digit(tape: Tape, jump: Jumps) -> Mask:
    """A jump by a power of ten with shares as usual, less than six bars before the ticker's end.

    Further back it would have returned, and be a spike. A split of ten changes the number of shares alike.
    """
    lost = np.zeros(len(tape), dtype=bool)
    for start in jump.bar[_by_tens(jump)]:
        rest = tape.ticker[start : start + LONGEST_SPIKE + 1] == tape.ticker[start]
        if rest.sum() <= LONGEST_SPIKE:
            lost[start : start + rest.sum()] = True
    return lost


def unadjusted_split(tape: Tape, jump: Jumps) -> Mask:
    """A jump that the factor should have taken out: price and shares move like a split, and money as usual.

    The adjusted open over the last adjusted close lies within 4 % (in logs) of a usual split ratio, the close
    within 15 % of the same one, and no more than four times the usual money changed hands. A real crash of that size
    draws a crowd (AAPL 2000-09-29: ten times), comes with the market or other names, or with a restless week; it is
    a split all the same if the number of shares that trade from there on is nearer to what the split makes of it than
    to what it was. Ten or a hundred times the price with shares as usual is another unit of
    money, on any day. A factor that moves without the price, and a history adjusted only in part, look the same.
    """
    on_its_own = _scaled(jump) | ~(jump.shared | jump.restless)
    return marked(tape, jump.bar[_by_tens(jump) | (_like_split(jump) & on_its_own)])


def unexplained_jump(tape: Tape, jump: Jumps) -> Mask:
    """A jump by a third or more that neither a crowd, the market or the names that moved with it, nor a restless week
    after it explains."""
    great = np.minimum(np.abs(jump.opening), np.abs(jump.closing)) > GREAT_JUMP
    explained = (jump.money >= CROWD) | jump.shared | jump.restless
    return marked(tape, jump.bar[great & ~explained])


def around(tape: Tape, bars: Mask) -> Mask:
    """The bars of the same ticker beside the marked ones, and those."""
    places = np.flatnonzero(bars)[:, None] + np.arange(-AROUND, AROUND + 1)
    inside = np.clip(places, 0, max(len(tape) - 1, 0))
    own = (inside == places) & (tape.ticker[inside] == tape.ticker[np.flatnonzero(bars)][:, None])
    return marked(tape, np.unique(inside[own]))


def marked(tape: Tape, bars: Ints) -> Mask:
    """A mask over the tape of some places."""
    mask = np.zeros(len(tape), dtype=bool)
    mask[bars] = True
    return mask


def _by_tens(jump: Jumps) -> Mask:
    """Jumps by a power of ten with shares as usual."""
    tens = np.round(jump.opening / np.log(10))
    near = (tens != 0) & (np.abs(jump.opening - tens * np.log(10)) < SPLIT_AT_CLOSE)
    return np.asarray(near & (jump.shares < CROWD) & (jump.shares > 1 / CROWD))


def _like_split(jump: Jumps) -> Mask:
    steps = np.concatenate([np.log(SPLITS), -np.log(SPLITS)])
    at_open = np.abs(jump.opening[:, None] - steps) < SPLIT_AT_OPEN
    at_close = np.abs(jump.closing[:, None] - steps) < SPLIT_AT_CLOSE
    return np.asarray((at_open & at_close).any(axis=1) & (jump.money < CROWD))


def shared_by_many(tape: Tape, wild: Mask) -> Mask:
    """Whether a fifth of the session's names are `wild`, where there are names enough for a market."""
    sessions = int(tape.at.max(initial=-1)) + 1
    names, wilder = (np.bincount(at, minlength=sessions) for at in (tape.at, tape.at[wild]))
    return np.asarray(((names >= FEWEST_NAMES) & (wilder >= WILD_SHARE * names))[tape.at])


def _scaled(jump: Jumps) -> Mask:
    """Whether shares are nearer to the split's number than to the usual one."""
    change = np.log(jump.shares_after)
    return np.asarray(np.abs(change + jump.opening) < np.abs(change))


def _shares_after(tape: Tape, bar: Ints) -> Floats:
    own = _ahead(tape, tape.volume, bar, np.arange(AFTERMATH))
    return np.asarray(own * tape.times_usual(tape.volume, bar) / tape.volume[bar])


def _ahead(tape: Tape, values: Floats, bar: Ints, steps: Ints) -> Floats:
    """The median of a ticker's values at the given bars after each place; NaN where it has none."""
    places = bar[:, None] + steps
    inside = np.minimum(places, len(tape) - 1)
    own = (inside == places) & (tape.ticker[inside] == tape.ticker[bar][:, None])
    later = pd.DataFrame(np.where(own, values[inside], np.nan))
    return np.asarray(later.median(axis=1), dtype=np.float64)


def _shared(tape: Tape, moves: Floats, sizes: Floats) -> Mask:
    """Whether a fifth of the session's names, or three others by a great move, went the same way."""
    sessions = int(tape.at.max()) + 1 if len(tape) else 0
    names = np.bincount(tape.at[np.isfinite(moves)], minlength=sessions)
    with_it = np.zeros(len(tape), dtype=bool)
    for way in (sizes > 0, sizes < 0):
        wild = np.bincount(tape.at[way & (np.abs(sizes) > WILD)], minlength=sessions)
        great = np.bincount(tape.at[way & (np.abs(sizes) > GREAT)], minlength=sessions)
        together = (wild >= WILD_SHARE * names) | (great > GREAT_NAMES)
        with_it |= way & (together & (names >= FEWEST_NAMES))[tape.at]
    return with_it
