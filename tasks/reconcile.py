"""Finding what a crash left behind."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from evergreen.adapters.database import decisions, ledger, reading, rollouts, writing
from evergreen.adapters.database.ledger import ModelVersion
from evergreen.adapters.models.folder import load_model, on_record, sha256s
from evergreen.audit.heads import keep_head, kept_heads, require_whole
from evergreen.errors import EvergreenError, Unavailable
from evergreen.workspace import Workspace, workspace
from tasks.artifacts import show
from tasks.decorators import effect

HEAD_TAG = "decision_head"
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
def verify_decisions() -> list[str]:
    """Recompute the decision log's chain, and hold it against the heads kept before; names each break."""
    at = workspace()
    with reading(at.engine) as conn:
        faults = [str(fault) for fault in decisions.verify(conn)]
        gone = [head for head in kept_heads(at.settings.home) if not decisions.holds(conn, head)]
    return [*faults, *(f"no decision has the hash {head}, which was kept as a head" for head in gone)]


@effect
def keep_decision_head(now: datetime) -> str:
    """Keep the head of a whole decision log where a person can find it again; returns its hash.

    In a file of the home, in MLflow as a tag of the experiment, and in the UI: who rewrites the database must
    find them all.

    Raises:
        Broken: the log is not whole, or lacks a head kept before; nothing is kept then.
    """
    at = workspace()
    head = require_whole(at.engine, kept_heads(at.settings.home))
    keep_head(at.settings.home, head, now)
    with suppress(Unavailable):  # the file has it; the next time MLflow will
        at.tracking.note(HEAD_TAG, f"{head.seq} {head.hash}")
    show("decision-head", "Head of the decision log", f"{head.seq} decisions, head `{head.hash}`", PROOF)
    return head.hash
