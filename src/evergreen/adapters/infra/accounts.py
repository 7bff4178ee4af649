"""Accounts of the Prefect and MLflow servers: from the variables that their own clients read, never from a URL.

A stack on this machine has an account of its own, made when it first comes up and kept in its home.
"""

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
OWN, OWN_USER = "server-account", "evergreen"
WHAT_TO_SET = {
    "Prefect": f"Set {PREFECT}=user:password.",
    "MLflow": f"Set {MLFLOW_USER} and {MLFLOW_PASSWORD}.",
}


def prefect_account(variables: Mapping[str, str] = os.environ) -> Account | None:
    """The account at Prefect's server that variables, this process' own by default, name."""
    user, _, password = variables.get(PREFECT, "").partition(":")
    return (user, password) if user else None


def mlflow_account(variables: Mapping[str, str] = os.environ) -> Account | None:
    """The account at MLflow's server that variables, this process' own by default, name."""
    user, password = variables.get(MLFLOW_USER, ""), variables.get(MLFLOW_PASSWORD, "")
    return (user, password) if user else None


def account_of(home: Path) -> dict[str, str]:
    """The variables that let in to a local stack's servers: this process' own, else the account kept in `home`.

    Nothing where neither is.
    """
    own = {}
    if (file := home / OWN).exists():
        user, _, password = file.read_text().strip().partition(":")
        own = {PREFECT: f"{user}:{password}", MLFLOW_USER: user, MLFLOW_PASSWORD: password}
    return own | {name: os.environ[name] for name in (PREFECT, MLFLOW_USER, MLFLOW_PASSWORD) if os.environ.get(name)}


def make_account(home: Path) -> None:
    """Make the stack's own account, in a file for its owner alone, unless it is there or this process has one."""
    if prefect_account() and mlflow_account():
        return
    home.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(home / OWN, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as stream:
        stream.write(f"{OWN_USER}:{secrets.token_urlsafe(24)}\n")


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


def guards(account: Mapping[str, str], mlflow_database: str, config: Path) -> dict[str, str]:
    """What servers are told so that they answer nobody but `account`, as `account_of` gives it.

    Args:
        account: variables that name an account at both servers.
        mlflow_database: SQLAlchemy URL of the database MLflow keeps its own accounts in.
        config: file that MLflow reads that URL from; written, for its owner alone.

    Raises:
        BadSetting: MLflow would not take the password, or mlflow[auth] is not installed.
    """
    if len(account[MLFLOW_PASSWORD]) < SHORTEST:
        raise BadSetting(f"MLflow takes no password of fewer than {SHORTEST} characters.", "Use a longer one.")
    require_installed("flask_wtf", "MLflow cannot ask for accounts", "mlflow[auth]")
    _write(config, {"default_permission": "READ", "database_uri": mlflow_database, "auth_cache_ttl_seconds": "60"})
    return {
        "PREFECT_SERVER_API_AUTH_STRING": account[PREFECT],
        "MLFLOW_AUTH_ADMIN_USERNAME": account[MLFLOW_USER],
        "MLFLOW_AUTH_ADMIN_PASSWORD": account[MLFLOW_PASSWORD],
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
    }


def _write(config: Path, values: Mapping[str, str]) -> None:
    config.parent.mkdir(parents=True, exist_ok=True)
    config.touch(mode=0o600)
    lines = [f"{name} = {value.replace('%', '%%')}" for name, value in values.items()]
    config.write_text("\n".join(["[mlflow]", *lines, ""]))
