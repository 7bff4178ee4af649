"""What came true of each forecast, and how the intervals move by it."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
from sqlalchemy import Connection

from evergreen.adapters.database import evidence, intervals, rollouts, writing
from evergreen.core.bars.session import iso
from evergreen.research.registered import read_manifest, serving_manifest
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect
from tasks.features import first_change


@effect
def settle_outcomes(as_of: pd.Timestamp, data_version: str, now: datetime) -> int:
    """Write down what came true of the champion's target by `as_of`, and move the intervals; returns of how many."""
    from evergreen.core.model.intervals import SCALE_SESSIONS
    from evergreen.core.model.targets.registry import target

    at = workspace()
    manifest = serving_manifest(at)
    if manifest is None:
        return 0
    recent = at.calendar.next(min(first_change(as_of), as_of), -2 * manifest.horizon)
    forecast = target(manifest.target)
    reach = min(recent, at.calendar.next(as_of, -2 * manifest.horizon - SCALE_SESSIONS))
    bars = at.listings.companies(at.bars.as_of(start=at.calendar.next(reach, -forecast.lookback), end=as_of))
    labels = forecast.label(bars, manifest.horizon)
    labels = labels[labels.index.get_level_values("session") >= reach]
    settled = labels[labels.index.get_level_values("session") >= recent].dropna().rename("value").reset_index()
    settled["ticker"] = at.listings.names_then(settled["ticker"], settled["session"])  # as it was forecast
    settled = settled.assign(**manifest.aim._asdict(), known_at=now, data_version=data_version)
    with writing(at.engine) as conn:
        evidence.record_outcomes(conn, settled)
        move_intervals(at, conn, labels, as_of, manifest.horizon)
    print(f"Outcomes known by {iso(as_of)}: {len(settled):,} settled.")
    return len(settled)


def move_intervals(at: Workspace, conn: Connection, labels: pd.Series, as_of: pd.Timestamp, horizon: int) -> None:
    """Keep the scales and bands that stand once the outcomes known at `as_of` are counted."""
    from evergreen.core.model.intervals import Standing, volatility

    model = at.settings.model_name
    rollout = rollouts.current(conn, model)
    manifests = {version: read_manifest(at, version) for version in (rollout.champion, rollout.challenger) if version}
    wide = labels.unstack("ticker")
    scales = {str(ticker): float(s) for ticker, s in volatility(wide, horizon).iloc[-1].dropna().items()}
    before = intervals.read(conn, model, at.calendar.next(as_of, -1))
    bands = {version: manifest.band for version, manifest in manifests.items()} | dict(before.bands if before else {})
    standing = Standing(iso(as_of), scales, bands)
    stood = intervals.read(conn, model, wide.index[-1 - horizon])
    if stood is not None and stood.session == iso(wide.index[-1 - horizon]):
        came_true = wide.iloc[-1 - horizon].to_dict()
        forecasts = {version: intervals.forecasts_at(conn, version, stood.session) for version in manifests}
        residuals = {
            v: {t: came_true.get(t, float("nan")) - f for t, f in by_ticker.items()}
            for v, by_ticker in forecasts.items()
        }
        standing = standing.after(residuals, stood, {v: m.interval_level for v, m in manifests.items()})
    intervals.record(conn, model, standing)
