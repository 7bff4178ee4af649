"""Finding what a crash left behind."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from evergreen.adapters.database import ledger, reading, rollouts, writing
from evergreen.adapters.database.ledger import ModelVersion
from evergreen.adapters.models.folder import load_model, on_record, sha256s
from evergreen.audit.heads import checked_this_week, faults, heads, keep_head, kept_heads
from evergreen.errors import EvergreenError, Unavailable
from evergreen.workspace import Workspace, workspace
from tasks.artifacts import show, table
from tasks.decorators import effect

PROOF = "`evergreen audit --head HASH` proves later that nothing before it was changed."


@effect
def verify_local_models() -> list[str]:
    """Fetch again the local copy of a serving version that is missing or not what was registered.

    Raises:
        Broken: what MLflow has is not what was registered either; the local copy stays as it is.
    """
    at = workspace()
    name = at.settings.model_name
    with reading(at.engine) as conn:
        rollout = rollouts.read(conn, name)
        serving = (rollout.champion, rollout.challenger, rollout.previous_champion) if rollout else ()
        registered = [ledger.read_model_version(conn, name, version) for version in serving if version]
    damaged = [version for version in registered if not _is_intact(at, version)]
    for version in damaged:
        target, expected = at.model_folder(version.version), on_record(version.sha256, version.files)
        at.tracking.download(version.run_id, target, expected)
        load_model(target, expected)
    for version in registered:
        _complete(at, version)
    return [version.version for version in damaged]


def _is_intact(at: Workspace, registered: ModelVersion) -> bool:
    folder, expected = at.model_folder(registered.version), on_record(registered.sha256, registered.files)
    try:
        load_model(folder, expected)
        return expected.items() <= sha256s(folder).items()
    except (EvergreenError, OSError):
        return False


def _complete(at: Workspace, registered: ModelVersion) -> None:
    """A record from before all files' hashes were kept gets those of a copy whose model is the registered one."""
    if not registered.files:
        with writing(at.engine) as conn:
            ledger.record_files(conn, registered, sha256s(at.model_folder(registered.version)))


@effect
def verify_logs(now: datetime) -> list[str]:
    """Recompute the chains of decisions and predictions, and hold them against heads kept before; names each break.

    The first time in a week they are recomputed whole, and afterwards from the head kept last: otherwise each session
    would cost more than the one before. `evergreen audit` recomputes all of them always.

    Where there is none, the heads are kept where a person can find them again: in files of the home, in MLflow as
    tags of the experiment, and in the UI. Who rewrites the database must find them all.
    """
    at = workspace()
    known = kept_heads(at.settings.home)
    breaks = faults(at.engine, known, checked_this_week(at.settings.home, now))
    if not breaks:
        _keep_heads(at, now)
    return breaks


def _keep_heads(at: Workspace, now: datetime) -> None:
    ends = heads(at.engine)
    for log, head in ends.items():
        keep_head(at.settings.home, log, head, now)
        with suppress(Unavailable):  # the file has it; the next time MLflow will
            at.tracking.note(f"{log.name}_head", f"{head.seq} {head.hash}")
    rows = [{"log": log.name, "records": f"{head.seq} {log.records}", "head": head.hash} for log, head in ends.items()]
    show("log-heads", "Heads of the logs", table(rows), PROOF)
