"""A delivery held against every rule: findings in words, and what is refused for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evergreen.core.bars.schema import KEYS, NUMBERS, conform, empty_bars, is_conformed, without
from evergreen.core.bars.session import iso
from evergreen.core.quality.days import day_masks
from evergreen.core.quality.delivery_panel import DeliveryPanel
from evergreen.core.quality.names import name_masks
from evergreen.core.quality.policy import RULES
from evergreen.core.quality.rows import nameless, row_masks
from evergreen.core.quality.rule import Rule, Scope, Severity
from evergreen.core.quality.series import series_masks
from evergreen.core.quality.tape import Mask

FEW = 3  # bars of one ticker that break a rule alike and are still told one by one


@dataclass(frozen=True)
class Finding:
    """One rule broken by one bar, by several of a ticker, by a ticker or by a session; `session` (the first one) None
    when the bar has none, `ticker` empty when it is about many. `value` is the first bar's, or how many bars a
    session's finding is about. `sessions` are all a finding about several bars is about."""

    rule: str
    severity: Severity
    ticker: str
    session: pd.Timestamp | None
    column: str
    value: float | None
    message: str
    sessions: tuple[pd.Timestamp, ...] = field(default=(), compare=False, repr=False)

    @property
    def days(self) -> tuple[pd.Timestamp | None, ...]:
        """Every session it is about."""
        return self.sessions or (self.session,)

    def to_dict(self) -> dict[str, str | float | None]:
        """As JSON takes it: the session as an ISO date, a value that is no finite number as text."""
        finite = self.value is None or np.isfinite(self.value)
        return {
            "rule": self.rule,
            "severity": self.severity,
            "ticker": self.ticker,
            "session": self.session.date().isoformat() if self.session is not None else None,
            "column": self.column,
            "value": self.value if finite else str(self.value),
            "message": self.message,
            "count": max(len(self.sessions), 1),
        }


@dataclass(frozen=True)
class Screening:
    """A delivery and, per rule, the mask (bars x the rule's columns) of what breaks it."""

    bars: pd.DataFrame
    broken: dict[str, Mask]

    def findings(self) -> list[Finding]:
        """What each rule has to say, gravest rules first, bars in order."""
        return [self._finding(rule, column, rows) for rule in RULES for column, rows in self._breaks(rule)]

    def marked(self, rule: Rule) -> Mask:
        """Which bars break `rule`, in any column."""
        return np.asarray(self.broken[rule.name].any(axis=1))

    def messages(self, rule: Rule) -> pd.Categorical:
        """One value a bar: what is wrong with it, or missing when `rule` holds."""
        wrong: dict[int, str] = {}
        for column, rows in self._breaks(rule):
            message = self._finding(rule, column, rows).message
            wrong |= {row: f"{wrong[row]}; {message}" if row in wrong else message for row in rows.tolist()}
        texts = pd.Index(sorted(set(wrong.values())), dtype=object)
        codes = np.full(len(self.bars), -1, dtype=np.int8 if len(texts) < 128 else np.int32)
        codes[list(wrong)] = texts.get_indexer(pd.Index(list(wrong.values()), dtype=object))
        return pd.Categorical.from_codes(codes, categories=texts)  # type: ignore[arg-type]  # stubs want a list

    def _breaks(self, rule: Rule) -> list[tuple[str, NDArray[np.intp]]]:
        """The columns and bars of each finding of `rule`: what one ticker has more than a few of is one finding."""
        rows, columns = np.nonzero(self.broken[rule.name])
        if not len(rows):
            return []
        if rule.per == "bar":
            keys = [columns, self._codes[rows]]
            groups = [(rule.columns[columns[at[0]]], rows[at]) for at in _groups(keys)]
            return [piece for column, bars in groups for piece in _pieces(column, bars)]
        about = self.bars[rule.per].iloc[rows]
        return [(rule.columns[0], rows[at]) for at in _groups([pd.factorize(about, sort=True)[0]])]

    @cached_property
    def _codes(self) -> NDArray[np.intp]:
        return np.asarray(pd.factorize(self.bars["ticker"])[0], dtype=np.intp)

    @cached_property
    def _columns(self) -> dict[str, Any]:
        """The delivery's columns as arrays: a finding reads one value of each."""
        return {name: self.bars[name].array for name in ("ticker", "session", *NUMBERS)}

    def _finding(self, rule: Rule, column: str, rows: NDArray[np.intp]) -> Finding:
        first, values = int(rows[0]), self._columns
        session = None if values["session"][first] is pd.NaT else values["session"][first]
        if rule.per == "session":
            message = f"{iso(values['session'][first])}: {len(rows)} {rule.fault}"
            return Finding(rule.name, rule.severity, "", session, column, float(len(rows)), message)
        name = values["ticker"][first]
        ticker = name if isinstance(name, str) else ""
        value = float(values[column][first]) if column in NUMBERS else None
        place = f"{ticker or 'a bar'} {iso(session)}" if session is not None else (ticker or "a bar")
        subject = f"{column} {value:g} " if value is not None else ""
        times = f" ({len(rows)} bars)" if len(rows) > 1 else ""
        message = f"{place}: {subject}{rule.fault}{times}"
        sessions = tuple(values["session"][rows]) if len(rows) > 1 else ()
        return Finding(rule.name, rule.severity, ticker, session, column, value, message, sessions)


def _groups(keys: list[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
    """Places with equal keys, by key; the first key counts first."""
    order = np.lexsort(keys[::-1])
    changes = np.logical_or.reduce([np.diff(key[order]) != 0 for key in keys])
    return np.split(order, np.flatnonzero(changes) + 1)


def _pieces(column: str, rows: NDArray[np.intp]) -> list[tuple[str, NDArray[np.intp]]]:
    """A few bars are a finding each, more of them one finding."""
    return [(column, rows)] if len(rows) > FEW else [(column, rows[n : n + 1]) for n in range(len(rows))]


def check(
    bars: pd.DataFrame,
    sessions: pd.DatetimeIndex,
    *,
    as_of: pd.Timestamp | None = None,
    history: pd.DataFrame | None = None,
    universe: frozenset[str] | None = None,
) -> list[Finding]:
    """Every rule of `RULES` that the delivery `bars` breaks; empty when it can be believed.

    `sessions` are the exchange's, over the whole delivery; a bar after `as_of` (by default the last of
    `sessions`) is from the future. `history` holds bars known before, so that the first bars of each ticker
    can be compared with the ones preceding them; without it they are not judged for jumps. `universe` names the
    tickers that were asked for: without it a ticker that is wholly absent is not missed.
    """
    return screen(bars, sessions, as_of=as_of, history=history, universe=universe).findings()


def screen(
    bars: pd.DataFrame,
    sessions: pd.DatetimeIndex,
    *,
    as_of: pd.Timestamp | None = None,
    history: pd.DataFrame | None = None,
    universe: frozenset[str] | None = None,
) -> Screening:
    """As `check`, keeping the masks: what a gate or a report needs."""
    days = pd.DatetimeIndex(sessions).as_unit("us")
    last = as_of if as_of is not None else (days[-1] if len(days) else pd.Timestamp.min)
    past = empty_bars() if history is None else conform(history)
    panel = DeliveryPanel(bars if is_conformed(bars) else conform(bars), days, last, past, universe)
    with np.errstate(all="ignore"):
        masks = row_masks(panel) | series_masks(panel) | name_masks(panel)
        masks |= day_masks(panel, masks)
    columns = {rule.name: len(rule.columns) for rule in RULES}
    return Screening(panel.bars, {name: mask.reshape(len(panel.bars), columns[name]) for name, mask in masks.items()})


def split(bars: pd.DataFrame, findings: list[Finding]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`bars` as (accepted, refused), conformed: each finding takes what its rule `refuses`, and no more.

    Equal copies of an accepted bar are dropped. Conformed bars of which all are accepted come back as they are.
    """
    delivery = bars if is_conformed(bars) else conform(bars)
    refused = _refused(delivery, findings)
    accepted = without(delivery, refused)
    return without(accepted, accepted.duplicated(KEYS)), delivery[refused].reset_index(drop=True)


def blocks(bars: pd.DataFrame, findings: list[Finding]) -> bool:
    """Whether `findings` leave nothing of the delivery `bars`: all of it is refused, or every session it has."""
    scopes = {rule.name: rule.refuses for rule in RULES if rule.severity == "block"}
    if any(scopes.get(finding.rule) == "delivery" for finding in findings):
        return True
    refused = {finding.session for finding in findings if scopes.get(finding.rule) == "session"}
    return bool(refused) and set(bars["session"].unique()) <= refused


# beside the table stand rules about files, and a second source's
_BESIDE: dict[Severity, Scope] = {"block": "delivery", "quarantine": "bar", "warn": "nothing"}


def _cost_beside(finding: Finding) -> Scope:
    """What a finding takes whose rule is not in the table: of no session, all bars of its ticker."""
    return "ticker" if finding.severity == "quarantine" and finding.session is None else _BESIDE[finding.severity]


def _refused(delivery: pd.DataFrame, findings: list[Finding]) -> Mask:
    scopes = {rule.name: rule.refuses for rule in RULES}
    costs = [(finding, scopes.get(finding.rule, _cost_beside(finding))) for finding in findings]
    of = {scope: [finding for finding, takes in costs if takes == scope] for scope in set(scopes.values())}
    if of["delivery"]:
        return np.ones(len(delivery), dtype=bool)
    names = delivery["ticker"].where(~nameless(delivery["ticker"]), "")
    refused = names.isin({finding.ticker for finding in of["ticker"]}).to_numpy(bool)
    refused |= delivery["session"].isin([finding.session for finding in of["session"]]).to_numpy()
    bars = [(each.ticker, day) for each in of["bar"] for day in each.days]
    bad = {*zip((ticker for ticker, _ in bars), _instants([day for _, day in bars]), strict=True)}
    near = np.flatnonzero(names.isin({ticker for ticker, _ in bad}))
    keys = zip(names.iloc[near], _instants(delivery["session"].iloc[near]), strict=True)
    refused[near] |= np.fromiter((key in bad for key in keys), bool, len(near))
    return refused


def _instants(days: Sequence[pd.Timestamp | None] | pd.Series) -> list[int]:
    """Days as numbers, one for none: a `Timestamp` a bar would take a second of 400,000."""
    numbers: list[int] = pd.Series(days, dtype="datetime64[us]").to_numpy().astype(np.int64).tolist()
    return numbers
