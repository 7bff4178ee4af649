"""The look-ahead audit: does anything in a training set depend on what was not known at its session?

Four questions, at sampled sessions t. Is each value a function of the declared lookback up to t: recomputed
from those bars alone, does it come out as it stands? Does it stay when the bars after t are changed? Does it
stay when a split comes after t, which rescales every adjusted price and volume before it? Is each label a
function of the closes of t and t + horizon, and unknown before the latter?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from evergreen.core.bars.session import iso
from evergreen.core.dataset.labels import forward_return, label_span_end
from evergreen.core.dataset.panel import Columns, training_set_sha256
from evergreen.core.dataset.splits import Fold
from evergreen.errors import BadInput, Refused

Compute = Callable[[pd.DataFrame], pd.DataFrame]
Label = Callable[[pd.DataFrame, int], pd.Series]

RELATIVE, ABSOLUTE = 1e-5, 1e-6  # what a sum taken from another starting point may differ by
AFTER_SPLIT = 1e-3  # a share count enters some factors as log(volume + 1)
DEPTH = 5  # sessions up to t that are compared
AHEAD = 20  # sessions after t that are changed
ATTRIBUTE = "look_ahead_audit"


class LooksAhead(Refused):
    """Features or labels that hold what was not known at their session."""


@dataclass(frozen=True)
class Audit:
    """Verdict on one training set.

    Attributes:
        features: how many were audited.
        sessions: where history was cut, ISO dates.
        findings: what failed which question, and at which session first; none when all passed.
        training_set_sha256: the set it speaks of; one that was changed since is not audited.
        folds: walk-forward folds whose label spans were found apart from their test window.
    """

    features: int
    sessions: tuple[str, ...]
    findings: tuple[str, ...] = ()
    training_set_sha256: str = ""
    folds: int = 0

    @property
    def passed(self) -> bool:
        """Whether nothing looked ahead."""
        return not self.findings

    @property
    def sentence(self) -> str:
        """The verdict for a person."""
        where = f"{self.features} features at {len(self.sessions)} sessions"
        return f"No look-ahead in {where}." if self.passed else f"Look-ahead: {'; '.join(self.findings[:5])}."

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` reads it back."""
        return asdict(self) | {"sessions": list(self.sessions), "findings": list(self.findings)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Audit:
        """What `to_dict` wrote."""
        return cls(**values | {"sessions": tuple(values["sessions"]), "findings": tuple(values["findings"])})


def audit(
    features: pd.DataFrame,
    labels: pd.Series,
    bars: pd.DataFrame,
    compute: Compute,
    lookback: int,
    horizon: int,
    cuts: int = 8,
    seed: int = 0,
    label: Label = forward_return,
    label_lookback: int = 0,
) -> Audit:
    """Put the four questions to features and labels as they are to be trained on.

    Args:
        features: MultiIndex (ticker, session), as stored or computed, from `bars`.
        labels: on the same kind of index.
        bars: what both were made of.
        compute: features of any bars, as `features` were computed.
        lookback: sessions a feature may read, its own included.
        horizon: of the labels, in sessions.
        cuts: sessions to sample, spread over the history.
        seed: of the sample and of the changes.
        label: labels of any bars and horizon, as `labels` were made.
        label_lookback: sessions before its own that a label reads.

    Raises:
        BadInput: too few sessions to cut anywhere.
    """
    ordered = bars.sort_values(["session", "ticker"], ignore_index=True)
    history = _History(ordered, pd.DatetimeIndex(ordered["session"].unique()), compute, lookback, seed)
    at = _sampled(len(history.sessions), lookback, cuts, seed)
    findings = [finding for t in at for finding in history.findings(features, t)]
    findings += [finding for t in at for finding in history.label_findings(labels, t, horizon, label, label_lookback)]
    dates = tuple(iso(history.sessions[t]) for t in at)
    first = {finding.rpartition(" (")[0]: finding for finding in reversed(findings)}
    return Audit(features.shape[1], dates, tuple(reversed(first.values())))


def require_passed(verdict: Audit) -> Audit:
    """The verdict, if nothing looked ahead.

    Raises:
        LooksAhead: it names something that did.
    """
    if not verdict.passed:
        raise LooksAhead(verdict.sentence, "Leave it out, or compute it from earlier bars only.")
    return verdict


def stamp(training_set: pd.DataFrame, verdict: Audit) -> pd.DataFrame:
    """The training set with the verdict on it, which stays with it in Parquet.

    Raises:
        LooksAhead: the verdict names something that looks ahead.
    """
    require_passed(verdict)
    stamped = training_set.copy(deep=False)
    digest = training_set_sha256(training_set)
    stamped.attrs = training_set.attrs | {ATTRIBUTE: replace(verdict, training_set_sha256=digest).to_dict()}
    return stamped


def verdict_on(training_set: Columns, folds: Sequence[Fold], horizon: int) -> Audit | None:
    """The verdict that came with a training set, completed by its folds; None when it never was audited."""
    if ATTRIBUTE not in training_set.attrs:
        return None
    verdict = Audit.from_dict(training_set.attrs[ATTRIBUTE])
    sessions = pd.DatetimeIndex(np.sort(training_set["session"].unique()))
    return replace(verdict, folds=len(folds), findings=(*verdict.findings, *meeting_spans(folds, sessions, horizon)))


def meeting_spans(folds: Sequence[Fold], sessions: pd.DatetimeIndex, horizon: int) -> list[str]:
    """A sentence for each fold in which a training label's span (t, t + horizon] reaches its test window."""
    ends = label_span_end(sessions, horizon)
    return [
        f"training labels of fold {number} reach {iso(last)}, into its test window"
        for number, fold in enumerate(folds, start=1)
        if not (last := ends.reindex(fold.train).max()) < fold.test[0]
    ]


@dataclass(frozen=True)
class _History:
    bars: pd.DataFrame  # sorted by session
    sessions: pd.DatetimeIndex
    compute: Compute
    lookback: int
    seed: int

    def between(self, start: int, stop: int) -> pd.DataFrame:
        """Bars of the sessions numbered start <= i < stop."""
        sessions = self.sessions[max(start, 0) : stop]
        first = self.bars["session"].searchsorted(sessions[:1], side="left")
        last = self.bars["session"].searchsorted(sessions[-1:], side="right")
        return self.bars.iloc[first[0] : last[0]]

    def findings(self, features: pd.DataFrame, t: int) -> Iterator[str]:
        """What fails at session number t."""
        start, now = t + 2 - self.lookback - DEPTH, self.sessions[t]
        known = self.between(start, t + 1)
        alone = self._up_to(self.compute(known), t)
        ahead = pd.concat([known, self._changed(self.between(t + 1, t + 1 + AHEAD))], ignore_index=True)
        answers = {
            f"is not a function of its {self.lookback} sessions": (features.reindex(alone.index), alone, RELATIVE),
            "moves with the bars after its session": (alone, self._up_to(self.compute(ahead), t), RELATIVE),
            "moves with a later split": (
                self._up_to(self.compute(_many_shares(known, 1.0)), t),
                self._up_to(self.compute(_many_shares(known, 0.5)), t),
                AFTER_SPLIT,
            ),
        }
        for failing, (before, after, tolerance) in answers.items():
            for name in _moved(before, after, tolerance):
                yield f"{name} {failing} ({iso(now)})"

    def label_findings(self, labels: pd.Series, t: int, horizon: int, label: Label, lookback: int) -> Iterator[str]:
        """What is wrong with the labels of session number t."""
        now, start, end = self.sessions[t], t - lookback, t + horizon + 1
        known = label(self.between(start, end), horizon).xs(now, level="session")
        own = labels.xs(now, level="session").reindex(known.index)
        if len(_moved(own.to_frame(), known.to_frame(), RELATIVE)):
            yield f"the label is not that of {horizon} sessions ahead ({iso(now)})"
        if label(self.between(start, end - 1), horizon).xs(now, level="session").notna().any():
            yield f"the label is known before {horizon} sessions have passed ({iso(now)})"

    def _up_to(self, features: pd.DataFrame, t: int) -> pd.DataFrame:
        days = features.index.get_level_values("session")
        return features[(days > self.sessions[max(t - DEPTH, 0)]) & (days <= self.sessions[t])]

    def _changed(self, bars: pd.DataFrame) -> pd.DataFrame:
        rng = np.random.default_rng(self.seed)
        size = np.exp(rng.normal(0.0, 0.5, len(bars)))
        prices = {name: bars[name] * size for name in ("open", "high", "low", "close", "vwap") if name in bars}
        return bars.assign(**prices, volume=bars["volume"] * np.exp(rng.normal(0.0, 1.0, len(bars))))


def _many_shares(bars: pd.DataFrame, split: float) -> pd.DataFrame:
    """Bars before a later split, of so many shares that the 1 in log(volume + 1) does not count."""
    factor = bars.get("factor", 1.0)
    return bars.assign(volume=bars["volume"] * 1e6 + 1e6, factor=factor * split)


def _moved(before: pd.DataFrame, after: pd.DataFrame, tolerance: float) -> list[str]:
    left, right = before.to_numpy(np.float64), after.reindex(before.index).to_numpy(np.float64)
    moved = ~np.isclose(left, right, rtol=tolerance, atol=ABSOLUTE, equal_nan=True)
    return [str(before.columns[int(place)]) for place in np.flatnonzero(moved.any(axis=0))]


def _sampled(sessions: int, lookback: int, cuts: int, seed: int) -> list[int]:
    """Session numbers, one from each of `cuts` equal parts of the history that has the lookback behind it."""
    first, last = min(lookback + DEPTH, sessions // 2), sessions - 2
    if last - first < cuts:
        raise BadInput(f"{sessions} sessions are too few for a look-ahead audit.", "Bring a longer history.")
    edges = np.linspace(first, last, cuts + 1).astype(int)
    rng = np.random.default_rng(seed)
    return [int(rng.integers(low, high)) for low, high in pairwise(edges)]
