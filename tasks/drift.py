"""Is the market different enough to retrain? Profiles in, a finding out, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from evergreen.adapters.database import decisions, evidence, ledger, reading, rollouts, writing
from evergreen.core.calendar import next_session, sessions, sessions_between
from evergreen.workspace import Workspace, workspace
from tasks.artifacts import picture, show, table
from tasks.decorators import effect
from tasks.models import read_manifest
from tasks.requests import open_requests, request_retrain
from tasks.training import TrainingSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from evergreen.core.drift import Counts, DriftCheck, Grid, Standing, TooLittleHistory


CALIBRATION = "calibration.npz"
COUNTS = "counts.npz"


@dataclass(frozen=True)
class DriftFinding:
    """What a session's drift check found about the champion `version`, and what should follow."""

    version: str
    as_of: str
    outcome: str
    sentence: str
    cause: str
    reaction: str
    evidence: dict[str, Any]


@effect
def calibrate_drift(version: str, made: TrainingSet) -> str:
    """Replay the drift statistic over the training history and keep it beside the model; says how it went."""
    from evergreen.core.drift import TooLittleHistory, calibrate, make_grid, session_counts
    from evergreen.core.features import LOOKBACK

    at = workspace()
    manifest = read_manifest(at, version)
    history = pd.read_parquet(made.path).set_index(["ticker", "session"])[list(manifest.feature_names)]
    counts = session_counts(history, make_grid(history))
    calibration = calibrate(counts, memory=LOOKBACK)
    if isinstance(calibration, TooLittleHistory):
        return calibration.sentence
    tail = counts.upto(counts.sessions[-1], calibration.windows.pair)
    _keep_calibration(at, version, {CALIBRATION: calibration.to_bytes(), COUNTS: tail.to_bytes()})
    return f"{len(calibration.null)} windows ({calibration.method}) over {len(counts.sessions)} sessions"


def _keep_calibration(at: Workspace, version: str, files: dict[str, bytes]) -> None:
    """Beside the model in MLflow and, for the daily check, at hand."""
    folder = at.settings.calibrations / version
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with reading(at.engine) as conn:
        run_id = ledger.read_model_version(conn, at.settings.model_name, version).run_id
    at.tracking.attach(run_id, [folder / name for name in files], "drift")


@effect
def profile_session(served: pd.DataFrame, session: pd.Timestamp, data_version: str) -> str:
    """Keep a whylogs profile of the features served in a session; returns where."""
    from evergreen.adapters import whylogs

    at = workspace()
    view = whylogs.profile(served, session, {"data_version": data_version})
    path = whylogs.write(view, at.settings.profiles)
    if grid := _champions_grid(at):
        whylogs.keep_counts(at.settings.profiles, view, grid)
    return str(path)


def _champions_grid(at: Workspace) -> Grid | None:
    from evergreen.core.drift import Counts

    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    kept = at.settings.calibrations / rollout.champion / COUNTS if rollout else None
    return Counts.from_bytes(kept.read_bytes()).grid if kept and kept.exists() else None


def is_checked(session: pd.Timestamp) -> bool:
    """Whether drift is judged in a session: once a week, on its last one."""
    following = next_session(workspace().settings.calendar, session)
    return bool(following.isocalendar()[:2] != session.isocalendar()[:2])


@effect
def check_drift(session: pd.Timestamp) -> DriftFinding | None:
    """Judge drift and skill of the champion; None while there is none."""
    at = workspace()
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, at.settings.model_name)
    if rollout is None:
        return None
    version = rollout.champion
    if not (at.settings.calibrations / version / CALIBRATION).exists():
        return _unmonitored(version, session)
    return _judge(at, version, session)


def _unmonitored(version: str, session: pd.Timestamp) -> DriftFinding:
    said = f"Version {version} has no drift calibration and is not monitored."
    return DriftFinding(version, f"{session:%Y-%m-%d}", "not_monitored", said, "none", "nothing", {})


def _judge(at: Workspace, version: str, session: pd.Timestamp) -> DriftFinding:
    from evergreen.core.drift import Calibration, DriftCheck, Outcome, Signs, cause, check, verdict

    calibration = Calibration.from_bytes((at.settings.calibrations / version / CALIBRATION).read_bytes())
    found = check(calibration, _counts(at, version, session), session)
    judged = verdict(found, _sessions_since_reset(at, session))
    skill = realized_skill(at, version)
    diagnosis = cause(Signs(drift=judged.outcome is Outcome.DRIFT, skill=skill))
    _record(at, version, session, found, judged.outcome.value)
    if isinstance(found, DriftCheck):
        _show(version, found, judged.sentence, diagnosis.sentence)
    details = {"skill": skill} | ({} if not hasattr(found, "to_dict") else found.to_dict())
    return DriftFinding(
        version=version,
        as_of=f"{session:%Y-%m-%d}",
        outcome=judged.outcome.value,
        sentence=f"{judged.sentence} {diagnosis.sentence}",
        cause=diagnosis.cause.value,
        reaction=diagnosis.reaction.value,
        evidence=details,
    )


def _show(version: str, found: DriftCheck, *sentences: str) -> None:
    """The check as a person reads it: what was found, the features that moved most, a picture if they drifted."""
    leading = found.scores.sort_values(ascending=False).index[:12]
    rows = [
        {
            "feature": name,
            "PSI": found.psi[name],
            "score": found.scores[name],
            "p": found.p[name],
            "culprit": "yes" if name in found.culprits else "",
        }
        for name in leading
    ]
    parts = [*sentences, table(rows)]
    if found.drifted or found.drifted_window:
        parts.append(picture(_scores_figure(found.scores[leading]), "scores of the features that moved most"))
    show("drift", f"Drift of version {version} in session {found.as_of:%Y-%m-%d}", *parts)


def _scores_figure(scores: pd.Series[float]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 2.6))
    axes = figure.subplots()
    axes.barh(scores.index[::-1], scores[::-1], color="tab:green")
    axes.set_xlabel("standard deviations of its own replayed null (the smaller of two windows)")
    return figure


def _counts(at: Workspace, version: str, session: pd.Timestamp) -> Counts:
    """The training history's last counts, then one session's after the other from their profiles."""
    from evergreen.adapters import whylogs
    from evergreen.core.drift import Counts, join

    history = Counts.from_bytes((at.settings.calibrations / version / COUNTS).read_bytes())
    first = next_session(at.settings.calendar, history.sessions[-1])
    lived = list(sessions(at.settings.calendar, first, session))
    return join([history, *whylogs.stored_counts(at.settings.profiles, lived, history.grid)])


def _sessions_since_reset(at: Workspace, session: pd.Timestamp) -> int | None:
    """Sessions since a model was last trained or a canary last rolled back."""
    with reading(at.engine) as conn:
        trained = [known.as_of for known in ledger.model_versions(conn, at.settings.model_name)]
        made = decisions.recent(conn, at.settings.model_name, 1000)
    resets = [*trained, *(decision.as_of for decision in made if decision.kind in ("rollback", "inconclusive"))]
    return sessions_between(at.settings.calendar, pd.Timestamp(max(resets)), session) if resets else None


def realized_skill(at: Workspace, version: str) -> Standing:
    """Whether a version still does what its walk-forward record promised, against the random walk."""
    from evergreen.core.drift import SkillTest
    from evergreen.core.metrics import session_losses
    from tasks.gate import walk_forward_record

    record = walk_forward_record(at, version).set_index(["ticker", "session"])
    zero = pd.Series(0.0, index=record.index)
    promised = (session_losses(forecast, record["label"]).to_numpy() for forecast in (record["forecast"], zero))
    test = SkillTest(*promised)
    with reading(at.engine) as conn:
        served = evidence.session_losses(conn, version, read_manifest(at, version).horizon)
    for day in served.itertuples():
        test.update(day.session, day.loss, day.baseline_loss)
    return test.standing


def _record(
    at: Workspace, version: str, session: pd.Timestamp, found: DriftCheck | TooLittleHistory, outcome: str
) -> None:
    from evergreen.core.drift import DriftCheck

    told: dict[str, Any] = {}
    if isinstance(found, DriftCheck):
        told = {
            "p_value": found.p_family,
            "statistic": found.statistic,
            "culprits": list(found.culprits),
            "window_start": f"{found.window_start:%Y-%m-%d}",
            "window_end": f"{found.window_end:%Y-%m-%d}",
        }
    kept = ledger.DriftRecord(
        model=at.settings.model_name,
        as_of=f"{session:%Y-%m-%d}",
        version=version,
        drifted=outcome == "drift",
        verdict=outcome,
        **told,
    )
    with writing(at.engine) as conn:
        ledger.record_drift_check(conn, kept)


@effect
def react_to_drift(found: DriftFinding | None, session: pd.Timestamp, data_version: str, now: datetime) -> str | None:
    """Do what a finding asks for; returns the retrain request, if it led to one.

    A retraining waits while a canary runs or another retraining is open: the finding will be made again.
    """
    if found.reaction == "nothing":
        return None
    at = workspace()
    _write_down(at, found, now)
    if found.reaction != "retrain" or _is_busy(at):
        return None
    return request_retrain(found.cause, found.sentence, session, data_version, found.evidence, now)


def _write_down(at: Workspace, found: DriftFinding, now: datetime) -> None:
    made = decisions.Decision(
        at=now,
        model=at.settings.model_name,
        kind="drift",
        as_of=found.as_of,
        subject=f"{found.version}@{found.as_of}",
        summary=found.sentence,
        evidence=found.evidence | {"cause": found.cause, "reaction": found.reaction},
    )
    with writing(at.engine) as conn:
        if not decisions.of(conn, made.subject):
            decisions.append(conn, made)


def _is_busy(at: Workspace) -> bool:
    with reading(at.engine) as conn:
        rollout = rollouts.current(conn, at.settings.model_name)
    return rollout.challenger is not None or bool(open_requests())
