"""A profile of all that a session brought: delivery, features, forecasts, and the outcomes it settled."""

from __future__ import annotations

import pandas as pd

from evergreen.adapters.database import evidence, reading, rollouts
from evergreen.core.bars.schema import NUMBERS
from evergreen.research.registered import read_manifest
from evergreen.workspace import Workspace, workspace
from tasks.decorators import effect

KEPT = pd.Timedelta(days=430)  # more than a year, and more sessions than a drift check looks back


@effect
def profile_session(served: pd.DataFrame, session: pd.Timestamp, data_version: str) -> str:
    """Keep profiles of a session's features, delivery and forecasts and of the outcomes it settled; returns where.

    Features lie in the folder itself, the others in folders named for what they hold; each profile tells its
    data version. Profiles are kept for more than a year.
    """
    from evergreen.adapters import monitoring
    from evergreen.adapters.monitoring.calibrations import read_grid

    at = workspace()
    root, tags = at.settings.profiles, {"data_version": data_version}
    view = monitoring.profile(served, session, tags)
    path = monitoring.write(view, root)
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    if rollout and (grid := read_grid(at.settings.calibrations / rollout.champion)):
        monitoring.keep_counts(root, view, grid)
    bars = at.bars.as_of(start=session, end=session)
    monitoring.write(monitoring.profile(bars[[*NUMBERS]], session, tags), root / "delivery")
    if rollout:
        _profile_outputs(at, rollout.champion, session, tags)
    if session.day <= 7:
        monitoring.forget(root, session - KEPT)
    return str(path)


def _profile_outputs(at: Workspace, champion: str, session: pd.Timestamp, tags: dict[str, str]) -> None:
    """The champion's forecasts of this session, and the labels of the session whose horizon ends with it."""
    from evergreen.adapters import monitoring

    aim = read_manifest(at, champion).aim
    labelled = at.calendar.next(session, -aim.horizon)
    with reading(at.engine) as conn:
        forecasts = evidence.forecasts(conn, champion, session)[["value"]]
        labels = evidence.settled(conn, champion, aim, labelled, labelled)[["outcome"]]
    for kind, day, values in (("forecasts", session, forecasts), ("labels", labelled, labels)):
        if len(values):
            monitoring.write(monitoring.profile(values, day, tags), at.settings.profiles / kind)
