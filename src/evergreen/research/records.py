"""What a notebook looks at when no flow stands around it: the workspace's own records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from evergreen.adapters.database.ledger import DriftRecord
from evergreen.adapters.models.folder import OOS, read_oos
from evergreen.core.canary.record import CanaryRecord
from evergreen.errors import NotFound
from evergreen.settings import Settings


def walk_forward_record(settings: Settings, version: str) -> pd.DataFrame:
    """What a registered version's fold models forecast out of sample: ticker, session, forecast, label, interval.

    Args:
        settings: of the workspace.
        version: a registered version, or the folder of a run.

    Raises:
        NotFound: there is no local copy of it.
    """
    for folder in (settings.models / version, Path(version)) if version else ():
        if (folder / OOS).is_file():
            return read_oos(folder)
    what = version or "a version without a name"
    raise NotFound(f"no walk-forward record of {what}.", "Give a version below models/, or a run's folder.")


def newest_check(checks: Sequence[DriftRecord], version: str) -> str:
    """The session of the first of a version's drift checks, newest first.

    Raises:
        NotFound: there is none.
    """
    if not checks:
        raise NotFound(f"no drift of version {version} was looked for yet.", "`evergreen daily` does, once a session.")
    return checks[0].as_of


def running_canary(settings: Settings) -> CanaryRecord | None:
    """The record of the canary that runs: its test, and what was planned from the two models' history; None without."""
    from evergreen.adapters.database import open_database, reading, rollouts

    if not settings.database_url and not (settings.home / "evergreen.db").exists():
        return None
    with reading(open_database(settings.database)) as conn:
        rollout = rollouts.read(conn, settings.model_name)
    record = rollout.evidence if rollout else None
    return record if record and record.test is not None else None
