"""Training sets made in a notebook, without a flow around it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from evergreen.adapters.bars.store import ASSUMED_DELAY
from evergreen.core.bars.calendar import Calendar
from evergreen.core.bars.session import Session
from evergreen.core.dataset.labels import forward_return
from evergreen.core.dataset.look_ahead_audit import audit, require_passed, stamp
from evergreen.core.features import LOOKBACK, DeclaredFactor, alpha158
from evergreen.core.model.aim import Aim
from evergreen.core.model.targets.registry import target
from evergreen.core.model.training import training_frame
from evergreen.research.sample import accepted_sample_bars
from evergreen.workspace import Workspace

REPO = Path(__file__).resolve().parents[3] / "feature_repo"


def sample_training_set(as_of: Session, horizon: int, tickers: Sequence[str]) -> pd.DataFrame:
    """Features and labels of the sample's bars up to and including session `as_of`, audited for look-ahead.

    Labels of the last `horizon` sessions are NaN: they were not known then.

    Returns:
        The shape of `core.training.training_frame`.
    """
    bars = accepted_sample_bars(as_of, tickers)
    features, labels = alpha158(bars), forward_return(bars, horizon)
    verdict = audit(features, labels, bars, alpha158, LOOKBACK, horizon)
    return stamp(training_frame(features, labels), verdict)


def training_set_with(
    factors: Sequence[DeclaredFactor],
    bars: pd.DataFrame,
    horizon: int,
    root: Path,
    repo: Path = REPO,
    calendar: str = "XNYS",
) -> pd.DataFrame:
    """The 158 and the declared `factors` of `bars`, through a feature store of their own, audited for look-ahead.

    Args:
        factors: from `core.features.factor`.
        bars: as `core.features.alpha158` takes them.
        horizon: of the labels, in sessions.
        root: folder of the feature store; kept, so that a second call only adds what is new.
        repo: the feature repository.
        calendar: the exchange the bars are from.

    Returns:
        The shape of `core.training.training_frame`.

    Raises:
        LooksAhead: a factor holds what was not known at its session.
        BadInput: a factor that does not answer with a frame, or too short a history to audit.
    """
    from evergreen.adapters.feast import Features

    store = Features(root, repo, factors)
    exchange = Calendar(calendar)
    calendar_days = exchange.sessions(bars["session"].min(), bars["session"].max())
    compute = partial(store.compute, calendar=calendar_days)
    features, labels = compute(bars), forward_return(bars, horizon)
    require_passed(audit(features, labels, bars, compute, store.lookback, horizon))
    days = pd.DatetimeIndex(features.index.get_level_values("session"))
    closes = pd.Series(exchange.closes(days), index=features.index)
    prices = bars.set_index(["ticker", "session"]).loc[features.index, ["close", "factor"]]
    store.write(features, prices, closes + ASSUMED_DELAY, closes)
    entities = features.index.to_frame().assign(event_timestamp=closes)
    joined = store.training_frame(entities)[list(store.names)]
    return stamp(training_frame(joined, labels), audit(joined, labels, bars, compute, store.lookback, horizon))


def installation_bars(at: Workspace, as_of: pd.Timestamp, known_at: pd.Timestamp) -> pd.DataFrame:
    """The installation's bars up to a session as known at a moment, each company under its newest name."""
    return at.listings.companies(at.bars.as_of(known_at, end=as_of))


def installation_training_set(
    at: Workspace, as_of: pd.Timestamp, known_at: pd.Timestamp, aim: Aim, names: Sequence[str] = ()
) -> pd.DataFrame:
    """Features and labels of the installation's bars as known at a moment, through Feast, audited for look-ahead.

    Args:
        at: the installation.
        as_of: the last session.
        known_at: UTC; what came later is left out.
        aim: what the labels are of.
        names: features, in this order; all by default.

    Returns:
        The shape of `core.training.training_frame`.

    Raises:
        LooksAhead: a feature holds what was not known at its session.
    """
    chosen = list(names or at.features.names)
    bars, forecast = installation_bars(at, as_of, known_at), target(aim.target)
    labels = forecast.label(bars, aim.horizon)
    entities = at.listings.as_named(labels.index).to_frame().set_axis(labels.index)
    entities["event_timestamp"] = at.calendar.closes(pd.DatetimeIndex(entities["session"]))
    features = at.features.training_frame(entities, known_at)[chosen]
    days = at.calendar.sessions(bars["session"].min(), as_of)

    def compute(some: pd.DataFrame) -> pd.DataFrame:
        return at.features.compute(some, calendar=days)[chosen]

    past = at.features.lookback
    verdict = audit(
        features, labels, bars, compute, past, aim.horizon, label=forecast.label, label_lookback=forecast.lookback
    )
    return stamp(training_frame(features, labels), verdict)
