"""Every failure leaves as one JSON sentence and a hint; never a stack trace."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from evergreen.errors import (
    BadInput,
    Conflict,
    EvergreenError,
    KeyRefused,
    NotFound,
    NotPermitted,
    TooManyRequests,
)

log = logging.getLogger("evergreen.service")

_STATUS = (
    (BadInput, 422),
    (NotFound, 404),
    (Conflict, 409),
    (KeyRefused, 401),
    (NotPermitted, 403),
    (TooManyRequests, 429),
    (EvergreenError, 503),
)
_HEADERS = {401: {"WWW-Authenticate": 'Basic realm="Evergreen", charset="UTF-8"'}, 429: {"Retry-After": "1"}}
_HINTS = {404: "See /docs for what there is.", 405: "See /docs for the methods of this path."}

Handler = Callable[[Request, Exception], Awaitable[Response]]


def problem(status: int, error: str, hint: str) -> Response:
    """A JSON problem; ASCII only, so that whatever a client sent can be repeated to it."""
    return Response(
        json.dumps({"error": error, "hint": hint}), status, _HEADERS.get(status), media_type="application/json"
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Turn our own errors, refused input, unknown paths and bugs of ours into problems."""
    app.add_exception_handler(EvergreenError, cast(Handler, _evergreen))
    app.add_exception_handler(RequestValidationError, cast(Handler, _invalid))
    app.add_exception_handler(HTTPException, cast(Handler, _http))
    app.add_exception_handler(Exception, _bug)


def refusal(error: EvergreenError) -> Response:
    """What a client is told of one of our own errors."""
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    return problem(status, error.what, error.hint)


async def _evergreen(_: Request, error: EvergreenError) -> Response:
    return refusal(error)


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    first: dict[str, Any] = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])[:200]
    return problem(422, f"{where}: {str(first['msg'])[:200]}.", "See /docs for what is expected.")


async def _http(_: Request, error: HTTPException) -> Response:
    answer = problem(error.status_code, f"{error.detail}.", _HINTS.get(error.status_code, "See /docs."))
    answer.headers.update(error.headers or {})  # of 405 those methods that are allowed
    return answer


async def _bug(_: Request, __: Exception) -> Response:
    return problem(500, "The service made a mistake.", "Its log has the details.")
