"""From a served number back to what made it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evergreen.adapters.database import archive, decisions, ledger, predictions, reading
from evergreen.adapters.database.ledger import ModelVersion
from evergreen.adapters.database.predictions import Prediction
from evergreen.adapters.models.folder import MANIFEST, load_model, on_record, read_commit, read_manifest
from evergreen.core.model.aim import Aim
from evergreen.core.model.delivered import KIND as DELIVERED
from evergreen.core.model.delivered import DeliveredForecasts
from evergreen.workspace import Workspace


def explain(at: Workspace, prediction_id: str, exported: Path | None = None) -> Iterator[tuple[str, str]]:
    """What a served number rests on, as (what, value), from the answer back to the code and the decisions.

    The prediction is looked for in the log, or in the Parquet files `exported` where they are given.

    Raises:
        NotFound: no such prediction on record.
    """
    name, answer = at.settings.model_name, find_answer(at, prediction_id, exported)
    with reading(at.engine) as conn:
        model = ledger.read_model_version(conn, name, answer.version)
        session = ledger.read_session(conn, name, answer.as_of)
        about_version = decisions.of(conn, answer.version)
    yield from _what_was_answered(at, answer, model)
    yield (
        "features",
        f"row {answer.feature_hash}, from data version {session.data_version if session else 'unknown'}",
    )
    yield from _what_made_it(at, answer, model)
    for each in about_version:
        yield each.kind.replace("_", " "), f"{each.as_of} (decision {each.seq}) {each.summary}"


def _what_was_answered(at: Workspace, answer: Prediction, model: ModelVersion) -> Iterator[tuple[str, str]]:
    aim = _aim(at, model)
    number = answer.forecast if answer.price is None else answer.price
    yield (
        "answer",
        f"{answer.ticker} {number!r} ({answer.lower:.4f} to {answer.upper:.4f}), asked by {answer.client}",
    )
    if answer.price is None and aim is not None:
        yield "target", f"{aim.phrase}: no price follows from it"
    yield "target session", _target_session(at, answer, aim)
    yield (
        "asked at",
        f"{answer.at:%Y-%m-%d %H:%M:%S} UTC, features of session {answer.as_of}, last close {answer.last_close}",
    )
    yield "arm", f"{answer.arm}, rollout version {answer.rollout_version}"
    yield "champion", f"version {answer.champion_version} said {answer.champion_raw!r}"
    if answer.challenger_version:
        yield "challenger", f"version {answer.challenger_version} said {answer.challenger_raw!r}"


def _what_made_it(at: Workspace, answer: Prediction, model: ModelVersion) -> Iterator[tuple[str, str]]:
    if model.kind == DELIVERED:
        yield "delivered", _delivery(at, model, answer)
    yield "model", f"version {model.version} ({model.kind}), sha256 {model.sha256}"
    yield "trained", f"as of {model.as_of} on data version {model.data_version}, request {model.request_id}"
    yield "run", f"{model.run_id} in {at.settings.mlflow}: notebook, figures and model card are artifacts there"
    if commit := read_commit(at.model_folder(model.version)):
        yield "commit", commit


def _aim(at: Workspace, model: ModelVersion) -> Aim | None:
    """What the version forecasts; None where its folder is no longer here."""
    folder = at.model_folder(model.version)
    return read_manifest(folder, model.files.get(MANIFEST)).aim if (folder / MANIFEST).is_file() else None


def _target_session(at: Workspace, answer: Prediction, aim: Aim | None) -> str:
    """The session whose close is forecast, or why it cannot be named."""
    import pandas as pd

    if aim is None:
        return f"unknown: the files of version {answer.version} are no longer in {at.settings.models}"
    session = at.calendar.target_session(pd.Timestamp(answer.as_of), aim.horizon)
    return session or f"{aim.horizon} sessions after {answer.as_of}, later than the exchange's calendar goes"


def _delivery(at: Workspace, model: ModelVersion, answer: Prediction) -> str:
    """Where the forecast came from, and when it arrived here."""
    import pandas as pd

    from evergreen.adapters.database import evidence

    _, source = load_model(at.model_folder(model.version), on_record(model.sha256, model.files))
    with reading(at.engine) as conn:
        arrived = evidence.forecasts(conn, model.version, pd.Timestamp(answer.as_of)).set_index("ticker")["made_at"]
    assert isinstance(source, DeliveredForecasts)
    when = (
        f"{arrived[answer.ticker]:%Y-%m-%d %H:%M:%S} UTC" if answer.ticker in arrived.index else "no record says when"
    )
    return f"by {source.place}, arrived {when}"


def find_answer(at: Workspace, prediction_id: str, exported: Path | None) -> Prediction:
    """The prediction of that id, from the log or from the Parquet files `exported`.

    Raises:
        NotFound: no such prediction on record.
    """
    if exported is not None:
        return archive.find(exported, prediction_id)
    with reading(at.engine) as conn:
        return predictions.find(conn, prediction_id)
