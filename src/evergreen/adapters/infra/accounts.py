"""Accounts of the Prefect and MLflow servers: from the variables that their own clients read, never from a URL."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.adapters.infra.extras import require_installed
from evergreen.errors import BadSetting

if TYPE_CHECKING:
    import httpx

Account = tuple[str, str]  # user and password
PREFECT = "PREFECT_API_AUTH_STRING"
MLFLOW_USER, MLFLOW_PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
SHORTEST = 12  # characters of a password that MLflow takes
WHAT_TO_SET = {
    "Prefect": f"Set {PREFECT}=user:password.",
    "MLflow": f"Set {MLFLOW_USER} and {MLFLOW_PASSWORD}.",
}


def prefect_account() -> Account | None:
    """The account at Prefect's server, if this process has one."""
    user, _, password = os.environ.get(PREFECT, "").partition(":")
    return (user, password) if user else None


def mlflow_account() -> Account | None:
    """The account at MLflow's server, if this process has one."""
    user, password = os.environ.get(MLFLOW_USER, ""), os.environ.get(MLFLOW_PASSWORD, "")
    return (user, password) if user else None


def not_admitted(tool: str, where: str) -> BadSetting:
    """What to say when a server answers 401."""
    given = {"Prefect": prefect_account, "MLflow": mlflow_account}[tool]()
    why = "asks for an account" if given is None else "does not know the account it was given"
    return BadSetting(f"{tool} at {where} {why}.", WHAT_TO_SET[tool])


def require_admitted(answer: httpx.Response, tool: str, where: str) -> httpx.Response:
    """The answer of a server that let this process in.

    Raises:
        BadSetting: it did not.
    """
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        raise not_admitted(tool, where)
    return answer


def guards(mlflow_database: str, config: Path) -> dict[str, str]:
    """What servers are told so that they answer nobody but the accounts of this process.

    Args:
        mlflow_database: SQLAlchemy URL of the database MLflow keeps its own accounts in.
        config: file that MLflow reads that URL from; written, for its owner alone.

    Raises:
        BadSetting: an account is missing, MLflow would not take its password, or mlflow[auth] is not installed.
    """
    prefect, mlflow = prefect_account(), mlflow_account()
    for tool, account in (("Prefect", prefect), ("MLflow", mlflow)):
        if account is None:
            raise BadSetting(
                f"server_auth is on and nothing says which account {tool} is to ask for.", WHAT_TO_SET[tool]
            )
    if len(os.environ.get(MLFLOW_PASSWORD, "")) < SHORTEST:
        raise BadSetting(f"MLflow takes no password of fewer than {SHORTEST} characters.", "Use a longer one.")
    require_installed("flask_wtf", "MLflow cannot ask for accounts", "evergreen[team]")
    _write(config, {"default_permission": "READ", "database_uri": mlflow_database, "auth_cache_ttl_seconds": "60"})
    return {
        "PREFECT_SERVER_API_AUTH_STRING": os.environ[PREFECT],
        "MLFLOW_AUTH_ADMIN_USERNAME": os.environ[MLFLOW_USER],
        "MLFLOW_AUTH_ADMIN_PASSWORD": os.environ[MLFLOW_PASSWORD],
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
    }


def _write(config: Path, values: Mapping[str, str]) -> None:
    config.parent.mkdir(parents=True, exist_ok=True)
    config.touch(mode=0o600)
    lines = [f"{name} = {value.replace('%', '%%')}" for name, value in values.items()]
    config.write_text("\n".join(["[mlflow]", *lines, ""]))
