"""The busiest path, answered in front of the framework, whose routing takes longer than a forecast."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from evergreen.errors import EvergreenError
from evergreen.service.problems import refusal
from evergreen.service.routes import PREDICTIONS, predict_one, router


class Express:
    """Calls `predict_one` at once for GET /v1/predictions/{ticker}; whatever else comes goes on to `app`.

    The route is declared like every other, for its description and for requests this lets pass; the answer is the
    same either way.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._route = next(route for route in router.routes if getattr(route, "endpoint", None) is predict_one)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        ticker = _ticker(scope)
        if not ticker:
            await self._app(scope, receive, send)
            return
        scope.update(path_params={"ticker": ticker}, route=self._route)
        try:
            response = await predict_one(Request(scope, receive, send))
        except EvergreenError as error:
            response = refusal(error)
        await response(scope, receive, send)


def _ticker(scope: Scope) -> str:
    """The ticker that is asked for; empty when something else is."""
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(PREDICTIONS):
        return ""
    ticker: str = scope["path"].removeprefix(PREDICTIONS)
    return "" if "/" in ticker else ticker
