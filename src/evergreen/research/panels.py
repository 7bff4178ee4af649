"""The data of a training, at hand: bars of a source or of the installation, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from evergreen.adapters.bars import BarSource, BarStore, open_source
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import iso
from evergreen.core.dataset.look_ahead_audit import audit, stamp
from evergreen.core.dataset.panel import labelled_panel, training_frame
from evergreen.core.dataset.splits import Fold
from evergreen.core.features import DeclaredFactor, compute_features, lookback_of
from evergreen.core.model.breadth import suited
from evergreen.core.model.config import TrainingConfig
from evergreen.core.model.targets.protocol import Target
from evergreen.core.model.targets.registry import named_target, target
from evergreen.core.model.walk_forward_record import folds_of
from evergreen.core.quality import check, split
from evergreen.research.project import workspace_settings
from evergreen.research.sample import require_bars
from evergreen.workspace import Workspace

BEGINNING = pd.Timestamp("1953-01-02")  # of New York's sessions; sources begin later


@dataclass(frozen=True)
class ResearchPanel:
    """Bars that validation let through, and what a training makes of them.

    Attributes:
        bars: ticker, session, open, high, low, close, volume, factor and where they came from.
        calendar: of their exchange.
        horizon: of the labels, in sessions.
        factors: declared beside the 158.
        target_name: what is forecast, by name.
    """

    bars: pd.DataFrame
    calendar: Calendar
    horizon: int = 1
    factors: tuple[DeclaredFactor, ...] = ()
    target_name: str = "return"

    @property
    def target(self) -> Target:
        """What is forecast."""
        return target(self.target_name)

    @cached_property
    def features(self) -> pd.DataFrame:
        """The 158 and the declared factors on (ticker, session), known at the close of each session."""
        return self._compute(self.bars)

    @cached_property
    def labels(self) -> pd.Series:
        """The target over the next `horizon` sessions on (ticker, session); NaN while it is not known."""
        return self.target.label(self.bars, self.horizon)

    @cached_property
    def training_set(self) -> pd.DataFrame:
        """Features and labels as `core.model.training.train` takes them, audited for look-ahead.

        Raises:
            LooksAhead: a factor holds what was not known at its session.
        """
        lookback = lookback_of(self.factors)
        label = self.target
        verdict = audit(
            self.features,
            self.labels,
            self.bars,
            self._compute,
            lookback,
            self.horizon,
            label=label.label,
            label_lookback=label.lookback,
        )
        return stamp(training_frame(self.features, self.labels), verdict)

    @cached_property
    def config(self) -> TrainingConfig:
        """The configuration that suits so many tickers."""
        choices = {"horizon": self.horizon, "target": self.target_name}
        return TrainingConfig(**choices | suited(self.bars["ticker"].nunique(), self.target.by_order))  # type: ignore[arg-type]

    @property
    def folds(self) -> list[Fold]:
        """The walk-forward folds of a training with `config`, purged and embargoed."""
        return folds_of(labelled_panel(training_frame(self.features, self.labels)).sessions, self.config)

    def _compute(self, some: pd.DataFrame) -> pd.DataFrame:
        days = self.calendar.sessions(self.bars["session"].min(), self.bars["session"].max())
        return compute_features(some, self.factors, days)


def read_panel(
    source: str, version: str, as_of: str, tickers: Sequence[str], horizon: int, target_name: str = "return"
) -> ResearchPanel:
    """The panel of some bars.

    Args:
        source: as `adapters.bars.open_source` names it, such as `sample` or `files:FOLDER`; empty: what the
            installation of this folder stored, with its declared factors.
        version: a data version of the installation, its snapshot verified; empty: all that is stored.
        as_of: the last session, ISO date; empty: the last there is.
        tickers: only these; empty: all.
        horizon: of the labels, in sessions.
        target_name: what is forecast: return, rank, neutral, volatility, or another that is registered.

    Raises:
        BadInput: `as_of` is no session.
        NoBars: none are left, or none of a ticker.
        BadSetting, NotFound, Broken: no such source, version or target, or it is damaged.
    """
    named_target(target_name)
    end = pd.Timestamp(iso(as_of)) if as_of else pd.Timestamp.now().normalize()
    at = Workspace(workspace_settings(Path.cwd()))
    if source:
        bars, calendar = _from_source(open_source(source, at.settings.market.calendar), tickers, end)
    else:
        bars, calendar = _stored(at, version, end), at.calendar
    chosen = bars[bars["ticker"].isin(list(tickers))] if len(tickers) else bars
    require_bars(chosen, tickers, source or "the installation")
    factors = () if source else tuple(at.features.factors)
    return ResearchPanel(chosen.reset_index(drop=True), calendar, horizon, factors, target_name)


def _from_source(source: BarSource, tickers: Sequence[str], end: pd.Timestamp) -> tuple[pd.DataFrame, Calendar]:
    """As a backfill takes them in: bars with a finding that blocks are left out."""
    calendar = Calendar(source.calendar)
    delivery = source.fetch(list(tickers) or source.tickers(), BEGINNING, end)
    require_bars(delivery, tickers, source.name)
    days = calendar.sessions(delivery["session"].min(), delivery["session"].max())
    return split(delivery, check(delivery, days))[0], calendar


def _stored(at: Workspace, version: str, end: pd.Timestamp) -> pd.DataFrame:
    if not version:
        return at.bars.as_of(end=end)
    with TemporaryDirectory(prefix=".checkout-", dir=at.settings.home) as folder:
        return BarStore(at.snapshots.checkout(version, Path(folder)), at.calendar).as_of(end=end)
