"""What the flows make, as Prefect's assets: each with what it was made from and the checks it went through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.assets import Asset, AssetProperties
from prefect.context import AssetContext
from prefect.events import emit_event

JUDGED = "evergreen.model.judged"


def _asset(name: str, description: str) -> Asset:
    return Asset(key=f"evergreen://{name}", properties=AssetProperties(name=name, description=description))


BARS = _asset("bars", "Daily bars as they became known, validated and versioned.")
FEATURES = _asset("features", "The factors of every ticker and session, in Feast's offline store.")
MODEL = _asset("model", "The newest registered version, in MLflow.")
FORECASTS = _asset("forecasts", "What champion and challenger forecast of every ticker.")


def note_checks(asset: Asset, **checks: Any) -> None:
    """Put numbers beside the asset that this task run makes; called as a function there is no run to put them to."""
    run = AssetContext.get()
    if run and asset in run.downstream_assets:
        asset.add_metadata(checks)


def tell_verdict(version: str, champion: str, verdict: Mapping[str, Any], sentence: str) -> None:
    """Tell the server what the gate said of a version of the model."""
    checks = {name: verdict[name] for name in ("admitted", "better", "sessions", "reasons")}
    emit_event(
        JUDGED,
        resource={"prefect.resource.id": MODEL.key, "prefect.resource.name": "model"},
        payload={"version": version, "champion": champion, "sentence": sentence} | checks,
    )
