"""Asking the Prefect server for a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evergreen.cli.here import load_settings

if TYPE_CHECKING:
    from evergreen.adapters.infra.prefect_api import PrefectApi


def start(deployment: str, parameters: dict[str, Any]) -> None:
    """Ask for a run of `deployment` with the parameters that were given, and say where to watch it."""
    api = server()
    given = {name: value for name, value in parameters.items() if value is not None}
    run = api.start(deployment, given)
    print(f"{run.name} is asked for: {api.page(run)}")


def require_askable_training(chosen: Mapping[str, Any]) -> None:
    """Pass if a training by these fields of `TrainingChoices` can be asked for, as far as this machine can tell.

    Raises:
        BadInput, NotFound, Refused: it cannot; in a sentence now, and not by a run that fails later.
    """
    from evergreen.core.model.choices import TrainingChoices
    from evergreen.research.retrainings import is_told_here, require_askable, usual_aim
    from evergreen.workspace import Workspace

    server()  # without one nothing is opened
    at = Workspace(load_settings())
    if is_told_here(at):
        aim = usual_aim(at, chosen.get("target", ""), chosen.get("horizon"))
        require_askable(at, TrainingChoices(**{**chosen, **aim._asdict()}))


def require_askable_challenger(run_id: str) -> None:
    """Pass if a run of MLflow can challenge, as far as this machine can tell.

    Raises:
        NotFound, Broken, BadInput: it cannot.
    """
    from evergreen.research.retrainings import is_told_here, require_challenger
    from evergreen.workspace import Workspace

    server()
    at = Workspace(load_settings())
    if is_told_here(at):
        require_challenger(at, run_id)


def server() -> PrefectApi:
    """The API of the Prefect server this process is pointed at."""
    from evergreen.adapters.infra.prefect_api import PrefectApi
    from evergreen.ops.known_server import prefect_server

    return PrefectApi.at(prefect_server(load_settings()))
