"""What the look-ahead audit of a function says."""

from __future__ import annotations

from dataclasses import dataclass

REACHES = (1, 2, 3, 5, 10, 21, 63)  # sessions ahead that are tried, to say how far a line reads


@dataclass(frozen=True)
class Move:
    """A line of output that moved, and how many others did with it.

    Attributes:
        column: of the output.
        ticker: of the line that moved most.
        session: of that line, ISO date.
        before: its value at first; None where the line is missing.
        after: its value then.
        why: what was done to the bars.
        cut: session after which it was done, ISO date.
        lines: how many lines of the column moved.
        reach: sessions after the cut from which on nothing more changes it; None where it was not asked, 0 for more
            than were tried.
    """

    column: str
    ticker: str
    session: str
    before: float | None
    after: float | None
    why: str
    cut: str
    lines: int
    reach: int | None = None

    @property
    def sentence(self) -> str:
        """The move in words."""
        values = " to ".join("missing" if value is None else f"{value:.6g}" for value in (self.before, self.after))
        others = f", and {self.lines - 1} other lines" if self.lines > 1 else ""
        far = {None: "", 0: f": it reads more than {REACHES[-1]} sessions ahead"}.get(
            self.reach, f": it reads up to {self.reach} sessions ahead"
        )
        line = f"{self.column} of {self.ticker} at {self.session} moves from {values}{others}"
        return f"{line} when {self.why} {self.cut}{far}"


@dataclass(frozen=True)
class FunctionAudit:
    """What an audit saw.

    Attributes:
        lines: of output on all bars.
        columns: names of the columns compared.
        cuts: sessions at which the bars were cut, ISO dates.
        moves: for each column and way of asking, the first cut at which it moved.
        unanswered: questions that the function failed on, in words.
    """

    lines: int
    columns: tuple[str, ...]
    cuts: tuple[str, ...]
    moves: tuple[Move, ...]
    unanswered: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing moved."""
        return not self.moves

    @property
    def sentences(self) -> list[str]:
        """A line for each move and each question without an answer, then the verdict."""
        what = f"{self.lines} lines of {', '.join(self.columns[:5])}{', ...' if len(self.columns) > 5 else ''}"
        verdict = "no look-ahead" if self.passed else f"{len(self.moves)} moves: it looks ahead"
        ended = f"{verdict} in {what}, cut at {', '.join(self.cuts)}"
        unanswered = [f"not answered: {each}" for each in self.unanswered]
        return [*(move.sentence for move in self.moves), *unanswered, ended]
