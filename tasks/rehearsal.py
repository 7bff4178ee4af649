"""A failure rehearsed on a whole stack: a challenger beyond doubt, and what it is served when broken on purpose."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.adapters.database import ledger, reading, rollouts
from evergreen.core.bars.session import iso
from evergreen.errors import BadSetting
from evergreen.replay.breaks import REHEARSED, SERVING, Break, parse_break
from evergreen.workspace import workspace
from tasks.decorators import effect
from tasks.features import features_at


def parse_rehearsed(text: str) -> Break:
    """A break of what a challenger is served, as `KIND@SESSION`.

    Raises:
        BadSetting: it cannot be read, or breaks the market itself, whose bars a rehearsal takes as they are.
    """
    broken = parse_break(text)
    if broken.kind not in REHEARSED:
        known = ", ".join(REHEARSED)
        raise BadSetting(
            f"a rehearsal of the stack cannot break {broken.kind!r}.",
            f"Kinds are {known}; `evergreen replay` has the others.",
        )
    return broken


@effect
def copy_champion(as_of: pd.Timestamp) -> str:
    """A run of its own with the champion's files, the soundest challenger there is; returns its id."""
    from evergreen.adapters.mlflow.tracking import REQUEST_ID

    at = workspace()
    with reading(at.engine) as conn:
        champion = rollouts.current(conn, at.settings.model_name).champion
        run_id = ledger.read_model_version(conn, at.settings.model_name, champion).run_id
    folder = at.tracking.fetch_run(run_id, at.settings.runs / f"copy-of-{champion}-{iso(as_of)}")
    tags = {REQUEST_ID: folder.name}
    return at.tracking.log_training(folder, {"copy_of": champion}, tags, f"copy of {champion}")


@effect
def break_served(served: pd.DataFrame, session: pd.Timestamp, broken: Break) -> pd.DataFrame:
    """The features of a session as a broken server would hand them out, of the same tickers and columns."""
    at = workspace()
    before = features_at(at, at.calendar.next(session, -1)).reindex(index=served.index, columns=served.columns)
    rng = np.random.default_rng(session.toordinal())
    handed = SERVING[broken.kind](served.to_numpy(np.float32), before.to_numpy(np.float32), rng)
    return pd.DataFrame(handed, index=served.index, columns=served.columns)
