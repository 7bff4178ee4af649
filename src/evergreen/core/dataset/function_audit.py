"""The look-ahead audit of any function of bars, which need know nothing of Evergreen.

At sampled sessions t the function is run on other bars that are the same up to t, and every line it gives for t or
before must stay as it is: without the bars after t (truncation), with those changed (perturbation), and without them
where some tickers had no bars around t (a halt); and when the bars up to t are rescaled as a later split would do. A
value scaled over the whole sample, a centred window or a row kept by its outcome all move one of these. A column
declared to be a label may read so many sessions ahead, and must be missing before they have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from evergreen.core.bars.session import iso
from evergreen.core.dataset.function_verdict import REACHES, FunctionAudit, Move
from evergreen.core.dataset.output_lines import Roles, lines_of, moved_lines
from evergreen.errors import BadInput

Function = Callable[..., Any]

ROUNDING = 1e-6  # share by which sums of the same rows may differ
AFTER_SPLIT = 1e-3  # a share count enters some factors as log(volume + 1)
ENDED = "the bars end at"
HALTED = 3  # every third ticker has no bars in the session, the one before and the one after


class FunctionFailed(BadInput):
    """The function raised, or answered with what cannot be lined up by ticker and session."""


@dataclass(frozen=True)
class FunctionAuditor:
    """What the questions are asked with.

    Attributes:
        function: called with a copy of the bars, and each table by its name; answers as `lines_of` reads it.
        bars: under the caller's own column names, of which `roles` tells the ones that matter.
        roles: of the columns of `bars`.
        tables: other tables, with a column `known_at`, from when on a row is known.
        label: the column of the output that may read ahead; empty for none.
        horizon: sessions ahead that it may read.
        adjusted: whether a split rescales the bars before it: prices are back-adjusted, or a factor adjusts them.
        seed: of what is changed.
    """

    function: Function
    bars: pd.DataFrame
    roles: Roles
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    label: str = ""
    horizon: int = 1
    adjusted: bool = True
    seed: int = 7

    def audit(self, cuts: int = 6) -> FunctionAudit:
        """Ask at so many sessions, spread over the bars.

        Raises:
            FunctionFailed: it fails on all bars, answers them differently a second time, or fails wherever they end
                earlier.
            BadInput: too few sessions.
        """
        whole = self.answer(self.bars)
        self._require_repeatable(whole)
        sessions = pd.DatetimeIndex(np.sort(self.bars[self.roles.session].unique()))
        places = _cuts(len(sessions), cuts, self.seed)
        moves: dict[tuple[str, str], Move] = {}
        failed: list[FunctionFailed] = []
        for place in places:
            for ask in (self._truncated, self._perturbed, self._halted, self._split):
                try:
                    for move in ask(whole, sessions, place):
                        moves.setdefault((move.column, move.why), move)
                except FunctionFailed as failure:
                    failed.append(failure)
        if len(failed) >= 3 * len(places):  # nothing but the split was answered
            raise failed[0]
        stops = tuple(iso(sessions[place]) for place in places)
        unanswered = tuple(dict.fromkeys(failure.what for failure in failed))
        measured = tuple(replace(each, reach=self._reach(whole, each, sessions)) for each in moves.values())
        return FunctionAudit(len(whole), tuple(map(str, whole.columns)), stops, measured, unanswered)

    def answer(self, bars: pd.DataFrame, cut: pd.Timestamp | None = None, changed: bool = False) -> pd.DataFrame:
        """The lines for these bars; with a cut, of tables as known then, or with what came later changed."""
        tables = {name: self._known(table, cut, changed) for name, table in self.tables.items()}
        return lines_of(self._called(bars, tables), bars, self.roles)

    def _called(self, bars: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> object:
        try:
            return self.function(bars.copy(), **tables)
        except (Exception, SystemExit) as error:  # a stranger's code: whatever it raises is what is to be told
            last = iso(bars[self.roles.session].max())
            raise FunctionFailed(
                f"the function fails on {len(bars)} bars up to {last}: {type(error).__name__}: {error}.",
                "Give bars long enough for it, or fix it.",
            ) from error

    def _known(self, table: pd.DataFrame, cut: pd.Timestamp | None, changed: bool) -> pd.DataFrame:
        if cut is None:
            return table.copy()
        known = table["known_at"] < cut + pd.Timedelta(days=1)
        return self._scaled(table, ~known, ("known_at",)) if changed else table[known].reset_index(drop=True)

    def _require_repeatable(self, whole: pd.DataFrame) -> None:
        again = self.answer(self.bars)
        if next(iter(moved_lines(whole, again, ROUNDING)), None) is not None:
            raise FunctionFailed("the function answers the same bars differently each time.", "Fix its random seed.")

    def _truncated(self, whole: pd.DataFrame, sessions: pd.DatetimeIndex, place: int) -> Iterator[Move]:
        known = self.answer(self._until(sessions[place]), sessions[place])
        yield from self._moves(whole, known, sessions, place, ENDED, ROUNDING)
        yield from self._early_labels(known, sessions, place)

    def _perturbed(self, whole: pd.DataFrame, sessions: pd.DatetimeIndex, place: int) -> Iterator[Move]:
        later = self.bars[self.roles.session] > sessions[place]
        bars = self._scaled(self.bars, later, (self.roles.factor,))
        answer = self.answer(bars, sessions[place], changed=True)
        yield from self._moves(whole, answer, sessions, place, "the bars are changed after", ROUNDING)

    def _halted(self, whole: pd.DataFrame, sessions: pd.DatetimeIndex, place: int) -> Iterator[Move]:
        around = self.bars[self.roles.session].isin(sessions[place - 1 : place + 2])
        codes = pd.factorize(self.roles.tickers(self.bars), sort=True)[0]
        bars = self.bars[~(around & (codes % HALTED == 0))]
        known = bars[bars[self.roles.session] <= sessions[place]].reset_index(drop=True)
        before, after = self.answer(bars.reset_index(drop=True)), self.answer(known, sessions[place])
        why = "some tickers have no bars around the end and the bars end at"
        yield from self._moves(before, after, sessions, place, why, ROUNDING)

    def _split(self, whole: pd.DataFrame, sessions: pd.DatetimeIndex, place: int) -> Iterator[Move]:
        if not self.adjusted:
            return
        known = self._until(sessions[place])
        before = self.answer(known, sessions[place])
        after = self.answer(self.roles.halved(known), sessions[place])
        yield from self._moves(before, after, sessions, place, "shares are split after", AFTER_SPLIT)

    def _moves(
        self,
        before: pd.DataFrame,
        after: pd.DataFrame,
        sessions: pd.DatetimeIndex,
        place: int,
        why: str,
        tolerance: float,
    ) -> Iterator[Move]:
        """One for each column that moved among the lines up to the cut."""
        last, settled = sessions[place], sessions[max(0, place - self.horizon)]
        for column in before.columns:
            labelled = column == self.label
            old, new = (_up_to(lines[[column]], settled if labelled else last) for lines in (before, after))
            if self.label and not labelled:  # rows of outcomes still open may wait for them
                old, new = (lines[lines.index.isin(other.index)] for lines, other in ((old, new), (new, old)))
            for line in moved_lines(old, new, tolerance):
                ticker, session = line.key
                yield Move(str(column), ticker, iso(session), line.before, line.after, why, iso(last), line.lines)

    def _early_labels(self, known: pd.DataFrame, sessions: pd.DatetimeIndex, place: int) -> Iterator[Move]:
        if self.label not in known:
            return
        days = known.index.get_level_values("session")
        early = known.loc[days > sessions[max(0, place - self.horizon)], self.label].dropna()
        if len(early):
            ticker, session = early.index[0]
            why = f"the label may read {self.horizon} sessions ahead, and the bars end at"
            yield Move(
                self.label, ticker, iso(session), None, float(early.iloc[0]), why, iso(sessions[place]), len(early)
            )

    def _reach(self, whole: pd.DataFrame, move: Move, sessions: pd.DatetimeIndex) -> int | None:
        if move.why != ENDED:
            return None
        key, place = (move.ticker, pd.Timestamp(move.session)), int(sessions.searchsorted(pd.Timestamp(move.cut)))
        final = _at(whole, key, move.column)
        for ahead in REACHES:
            if place + ahead < len(sessions) - 1:
                end = sessions[place + ahead]
                if np.isclose(_at(self.answer(self._until(end), end), key, move.column), final, equal_nan=True):
                    return ahead
        return 0

    def _until(self, session: pd.Timestamp) -> pd.DataFrame:
        return self.bars[self.bars[self.roles.session] <= session].reset_index(drop=True)

    def _scaled(self, table: pd.DataFrame, rows: pd.Series, left: tuple[str, ...]) -> pd.DataFrame:
        """Its numbers in these rows times a factor that is drawn for each row."""
        numbers = [name for name in table.select_dtypes("number") if name not in left]
        size = np.where(rows, np.exp(np.random.default_rng(self.seed).normal(0.0, 0.5, len(table))), 1.0)
        return table.assign(**{str(name): table[name] * size for name in numbers})


def _up_to(lines: pd.DataFrame, session: pd.Timestamp) -> pd.DataFrame:
    return lines[lines.index.get_level_values("session") <= session]


def _at(lines: pd.DataFrame, key: tuple[str, pd.Timestamp], column: str) -> float:
    return float(lines[column].get(key, np.nan))


def _cuts(sessions: int, cuts: int, seed: int) -> list[int]:
    """Session numbers, one drawn from each of equal parts of what follows the first third."""
    first, last = sessions // 3, sessions - 2
    if cuts < 1 or last - first < 2 * cuts:
        raise BadInput(f"{sessions} sessions cannot be cut at {cuts} places.", "Bring longer bars, or fewer cuts.")
    edges = np.linspace(first, last, cuts + 1).astype(int)
    rng = np.random.default_rng(seed)
    return [int(rng.integers(low, high)) for low, high in pairwise(edges)]
