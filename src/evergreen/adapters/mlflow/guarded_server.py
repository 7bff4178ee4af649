"""MLflow's server with accounts and a way in for browsers: `mlflow server --app-name evergreen`, as in `evergreen up`.

An address with an account in it opens MLflow's page, but Chromium lets a page of such an address fetch nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.adapters.infra.let_in import let_in_route

if TYPE_CHECKING:
    from fastapi import FastAPI

# A request that names its account is what makes a browser keep it for the pages of this origin.
SCRIPT = (
    "const [user, ...password] = account.split(':'), request = new XMLHttpRequest();"
    " request.open('GET', '/', true, user, password.join(':'));"
    " request.onloadend = () => location.replace('/'); request.send();"
)


def create_app() -> FastAPI:
    """MLflow's own application with accounts, and `/let-in#user:password` before its pages, which take every path."""
    from mlflow.server.auth import create_app as with_accounts

    app: FastAPI = with_accounts()
    app.router.routes.insert(0, let_in_route("MLflow", SCRIPT))
    return app
