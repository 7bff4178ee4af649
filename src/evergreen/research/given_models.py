"""What was made elsewhere, a model file or forecasts, brought before this installation's sessions and into MLflow."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from evergreen.adapters.database import ledger, reading
from evergreen.adapters.models.delivery_file import address_of, fetch, name_of, table_of
from evergreen.adapters.models.folder import write_model_folder, write_run
from evergreen.core.model.delivered import DeliveredForecasts
from evergreen.core.model.delivered_record import judge_delivered
from evergreen.core.model.deliveries import Arrivals, parse_delivery, sift
from evergreen.core.model.given import judge_given
from evergreen.core.model.onnx_file import model_of_file
from evergreen.core.model.targets.registry import target
from evergreen.core.model.training import Training
from evergreen.core.model.verified import sha256
from evergreen.errors import BadInput, NotFound, UnreadableFile
from evergreen.research.project import run_folder
from evergreen.research.retrainings import require_same_aim, usual_aim
from evergreen.research.training_sets import installation_training_set
from evergreen.workspace import Workspace


def log_model_file(at: Workspace, path: Path, trained_through: str, horizon: int | None, tried: int) -> str:
    """Judge a model file on the sessions after what it was trained through, and log it; returns the run's id.

    Args:
        at: the installation whose bars it is judged on.
        path: of an .onnx file.
        trained_through: ISO date of the last session whose prices the model has seen.
        horizon: sessions ahead that it forecasts the installation's target; None: as the champion does.
        tried: models that it was chosen from, itself included.

    Raises:
        UnreadableFile: no such file.
        ModelRefused: not a graph of this store's features.
        BadInput: no date, too few sessions came after it, or the champion forecasts something else.
        NotFound: the installation has no bars.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.", "Give an .onnx file.") from None
    model, through = model_of_file(content, at.features.names), _day(trained_through)
    aim = usual_aim(at, horizon=horizon)
    require_same_aim(at, aim)
    newest = _newest_data(at)
    rows = installation_training_set(
        at, pd.Timestamp(newest.as_of), pd.Timestamp(datetime.now(UTC)), aim, model.features
    )
    training = judge_given(model, rows, through, aim, tried)
    params = {"model": path.name, "trained_through": trained_through, **aim._asdict(), "tried": tried}
    return _log(at, training, newest, params, path.name)


def log_delivery(at: Workspace, place: str, horizon: int | None, tried: int) -> tuple[str, Arrivals]:
    """Judge the forecasts that lie somewhere by those known in time, and log them; returns the run's id.

    What lay there goes to MLflow with the run: the record rests on it.

    Args:
        at: the installation whose bars they are judged on.
        place: of a CSV or Parquet file, a path or an address that fsspec opens.
        horizon: sessions ahead that they forecast the installation's target; None: as the champion does.
        tried: models that their model was chosen from, itself included.

    Raises:
        UnreadableFile, BadInput: no such file, not a delivery, or too little of it counts; or the champion forecasts
            something else.
        NotFound: the installation has no bars.
    """
    address = address_of(place)
    aim = usual_aim(at, horizon=horizon)
    require_same_aim(at, aim)
    content = fetch(address)
    forecast = target(aim.target)
    delivery, newest = parse_delivery(table_of(content, address), address, forecast.is_return), _newest_data(at)
    labels = forecast.label(at.listings.companies(at.bars.as_of(end=pd.Timestamp(newest.as_of))), aim.horizon)
    named = at.listings.as_named(labels.index)
    days = pd.DatetimeIndex(labels.index.get_level_values("session").unique())
    arrivals = sift(delivery, named, pd.Series(at.calendar.next_opens(days), index=days))
    model = DeliveredForecasts(address, sha256(content))
    training = judge_delivered(model, arrivals, labels, named, aim, tried)
    params = {"forecasts": address, **aim._asdict(), "tried": tried}
    run_id = _log(at, training, newest, params, f"forecasts {name_of(address)}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / name_of(address)
        copy.write_bytes(content)
        at.tracking.attach(run_id, [copy], "delivery")
    return run_id, arrivals


def _newest_data(at: Workspace) -> ledger.DataVersion:
    with reading(at.engine) as conn:
        newest = next(iter(ledger.data_versions(conn, 1)), None)
    if newest is None:
        raise NotFound("there are no bars to judge it on.", "Type `evergreen backfill` first.")
    return newest


def _log(
    at: Workspace, training: Training, newest: ledger.DataVersion, params: Mapping[str, object], run_name: str
) -> str:
    folder = run_folder(at.settings, "")
    write_model_folder(training, folder, newest.as_of, newest.id)
    run_id = at.tracking.log_training(folder, params, {}, run_name)
    write_run(folder, run_id)
    return run_id


def _day(text: str) -> pd.Timestamp:
    try:
        return pd.Timestamp(datetime.strptime(text, "%Y-%m-%d"))
    except ValueError:
        raise BadInput(f"{text!r} is no date.", "Write --trained-through 2016-12-30.") from None
