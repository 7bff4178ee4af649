"""Whether what both arms served is what their models say, computed again by a second path."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evergreen.adapters.database import evidence, ledger, predictions, reading
from evergreen.adapters.database.delivery_state import NOW
from evergreen.adapters.database.rollouts import Rollout
from evergreen.adapters.models.folder import load_model, on_record
from evergreen.core.bars.session import iso
from evergreen.core.canary.instance import difference_from
from evergreen.core.policy import InstanceDiffers
from evergreen.research.registered import read_manifest
from evergreen.workspace import Workspace
from tasks.features import features_at


def find_mismatch(at: Workspace, rollout: Rollout, as_of: pd.Timestamp) -> InstanceDiffers | None:
    """The first forecasts kept or answered since the last look that are not those of their model; None if all are.

    Answers are held against what was kept of the same features: a restated bar makes other features, and others again.
    A session whose bars never came has none to compute from and is passed over: nothing was served of it either.
    """
    looked = rollout.evidence.looked if rollout.evidence else None
    since = at.calendar.next(pd.Timestamp(looked)) if looked else as_of
    for session in at.calendar.sessions(since, as_of):
        for version in (str(rollout.challenger), rollout.champion):
            if difference := _difference(at, version, session):
                return InstanceDiffers(NOW, iso(session), version, difference)
    return None


def _difference(at: Workspace, version: str, session: pd.Timestamp) -> str:
    with reading(at.engine) as conn:
        forecasts = evidence.forecasts(conn, version, session)
        processed = ledger.read_session(conn, at.settings.model_name, session)
        answers = predictions.raw_answers(conn, version, session)
    if forecasts.empty or processed is None:
        return ""
    answered = pd.DataFrame(answers, columns=["ticker", "feature_hash", "answer"]).astype({"answer": float})
    both = answered.merge(forecasts, on=["ticker", "feature_hash"]).set_index("ticker")
    if difference := difference_from(both["answer"], both["value"]):
        return f"Clients were told otherwise than what the session's close had on record. {difference}"
    if read_manifest(at, version).is_delivered:  # what arrived is all there is: there is nothing to compute it from
        return ""
    served = forecasts.set_index("ticker")["value"]
    return difference_from(served, _recompute(at, version, session, forecasts["made_at"].max(), list(served.index)))


def _recompute(
    at: Workspace, version: str, session: pd.Timestamp, known_at: pd.Timestamp, tickers: list[str]
) -> pd.Series:
    """What a version's registered file forecasts from the bars known then, the factors computed in batch."""
    from evergreen.core.model.protocol import forecast

    with reading(at.engine) as conn:
        model = ledger.read_model_version(conn, at.settings.model_name, version)
    manifest, model_on_file = load_model(at.model_folder(version), on_record(model.sha256, model.files))
    features = features_at(at, session, known_at)
    rows = features.loc[features.index.isin(tickers), list(manifest.feature_names)]
    return pd.Series(forecast(model_on_file, rows.to_numpy(np.float32)), index=rows.index)
