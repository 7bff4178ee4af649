"""What champion and challenger say of every ticker: computed from their files, or delivered by where they run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pandas as pd

from evergreen.adapters.database import evidence, ledger, reading, rollouts, writing
from evergreen.adapters.models import folder
from evergreen.core.bars.session import iso
from evergreen.core.model.delivered import DeliveredForecasts
from evergreen.core.model.deliveries import NOTHING
from evergreen.core.model.manifest import Manifest
from evergreen.core.model.protocol import Model
from evergreen.errors import BadInput
from evergreen.research.registered import read_manifest
from evergreen.workspace import Workspace, workspace
from tasks.assets import FEATURES, FORECASTS, MODEL, note_checks
from tasks.decorators import effect, making


@making(FORECASTS, FEATURES, MODEL)
def score_universe(
    served: pd.DataFrame, session: pd.Timestamp, now: datetime, to_challenger: pd.DataFrame | None = None
) -> bool:
    """Keep what champion and challenger forecast from the features served at `session`; whether it was in time.

    None is made up after the fact: once the next session has closed the forecast is missed.

    Args:
        served: indexed by ticker; the features of all models among the columns.
        session: whose features they are.
        now: when the forecasts are made.
        to_challenger: what the challenger is served in their place, where a rehearsal breaks it on purpose.
    """
    at = workspace()
    in_time = at.calendar.close(at.calendar.next(session)) > now
    versions = _serving(at)
    if in_time:
        handed = (served, served if to_challenger is None else to_challenger)
        _record(at, dict(zip(versions, handed, strict=False)), session, now)
    by = f"by version {' and '.join(versions)}" if versions else "by none: no model serves yet"
    print(
        f"Forecasts from {iso(session)}: {len(served):,} tickers {by}{'' if in_time else ', missed: it is too late'}."
    )
    note_checks(FORECASTS, session=iso(session), versions=versions, tickers=len(served), in_time=in_time)
    return in_time


@effect
def take_deliveries(session: pd.Timestamp, now: datetime) -> list[str]:
    """Read again where forecasts made elsewhere are delivered, while those of `session` are in time.

    Returns the versions they were asked for.
    """
    at = workspace()
    versions = [version for version in _serving(at) if read_manifest(at, version).is_delivered]
    if versions:
        online = at.features.read_online(at.features.tickers())
        served = online.features[online.as_of == session]
        _record(at, dict.fromkeys(versions, served), session, now)
    return versions


def _serving(at: Workspace) -> list[str]:
    """The champion, and the challenger if there is one."""
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    return [version for version in (rollout.champion, rollout.challenger) if version] if rollout else []


def _record(at: Workspace, served: Mapping[str, pd.DataFrame], session: pd.Timestamp, now: datetime) -> None:
    """Keep what versions forecast of what they are served; of what was delivered the service is told."""
    if not served:
        return
    delivering = [version for version in served if read_manifest(at, version).is_delivered]
    forecasts = pd.concat(
        delivered_to(version, features, session, now)
        if version in delivering
        else forecast_universe(version, features).assign(made_at=now)
        for version, features in served.items()
    )
    with writing(at.engine) as conn:
        evidence.record_forecasts(conn, forecasts.assign(session=session))
        if delivering:
            arrived = sum(evidence.count_forecasts(conn, version) for version in delivering)
            ledger.record_delivery(conn, session, arrived, now)


def delivered_to(version: str, served: pd.DataFrame, session: pd.Timestamp, now: datetime) -> pd.DataFrame:
    """The forecasts of a session that lie where a version delivers, if they came in time; none where it cannot be read.

    They arrive when they are read: what the file claims of an earlier time counts for nothing here.

    Args:
        version: of a model that runs elsewhere.
        served: the features of the tickers that forecasts are due for; their hashes go with the forecasts.
        session: the session they are for.
        now: of the reading in a replay, UTC.

    Returns:
        As `forecast_universe` and `made_at`, UTC; the tickers that were delivered.
    """
    from evergreen.core.features.row_hashes import row_hashes
    from evergreen.core.model.deliveries import sift
    from evergreen.core.model.targets.registry import target

    at = workspace()
    _, model = _load(at, version)
    assert isinstance(model, DeliveredForecasts)
    delivery = _read_delivery(model.place, version, target(read_manifest(at, version).target).is_return)
    seen_at = datetime.now(UTC) if at.settings.clock == "live" else now  # after the reading, however long that took
    due = pd.MultiIndex.from_product([served.index, [session]], names=["ticker", "session"])
    deadline = pd.Series(at.calendar.next_opens(pd.DatetimeIndex([session])), index=[session])
    arrivals = sift(delivery[delivery["session"] == session], due, deadline, pd.Timestamp(seen_at))
    print(f"Version {version}, {iso(session)}: {arrivals.sentence}")
    values = arrivals.in_time.set_index("ticker")["forecast"]
    forecasts = pd.DataFrame({"ticker": values.index, "value": values.to_numpy()})
    hashes = row_hashes(served.loc[values.index].to_numpy())
    return forecasts.assign(version=version, feature_hash=hashes, made_at=seen_at)


def _read_delivery(place: str, version: str, is_return: bool) -> pd.DataFrame:
    from evergreen.adapters.models.delivery_file import fetch, table_of
    from evergreen.core.model.deliveries import parse_delivery

    try:
        return parse_delivery(table_of(fetch(place), place), place, is_return)
    except BadInput as error:
        print(f"Version {version} delivers nothing now: {error}")
        return NOTHING


def forecast_universe(version: str, features: pd.DataFrame) -> pd.DataFrame:
    """Forecasts of one version (log returns), from its file as registered.

    Args:
        version: a version with a local copy.
        features: indexed by ticker; the version's features among the columns.

    Returns:
        Columns ticker, version, value, feature_hash.

    Raises:
        ModelRefused: the file is not the one that was registered.
    """
    from evergreen.core.features.row_hashes import row_hashes
    from evergreen.core.model.protocol import forecast

    manifest, model = _load(workspace(), version)
    matrix = features[list(manifest.feature_names)].to_numpy()
    return pd.DataFrame(
        {
            "ticker": features.index,
            "version": version,
            "value": forecast(model, matrix),
            "feature_hash": row_hashes(matrix),
        }
    )


def _load(at: Workspace, version: str) -> tuple[Manifest, Model]:
    with reading(at.engine) as conn:
        registered = ledger.read_model_version(conn, at.settings.model_name, version)
    return folder.load_model(at.model_folder(version), folder.on_record(registered.sha256, registered.files))
