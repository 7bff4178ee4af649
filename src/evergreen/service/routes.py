"""The HTTP surface."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response, status
from fastapi.responses import HTMLResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from evergreen.errors import BadInput, NotFound
from evergreen.service.deps import ClientDep, Guest, ServiceDep, Viewer, service_of
from evergreen.service.door import LONGEST
from evergreen.service.pages import render_docs, render_missing
from evergreen.service.papers import PAPER_POLICY
from evergreen.service.schemas import (
    MAX_TICKER,
    PredictionAnswer,
    PredictionAnswers,
    PredictionRequest,
    Problem,
    Ready,
    RolloutAnswer,
)

JSON = "application/json"
PREDICTIONS = "/v1/predictions/"

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No key, or an unknown one, where keys are asked for"},
    404: {"model": Problem, "description": "A ticker without features"},
    403: {"model": Problem, "description": "Sent by a page of another site"},
    421: {"model": Problem, "description": "Sent to a name the service does not go by"},
    422: {"model": Problem, "description": "Input that cannot be used"},
    429: {"model": Problem, "description": "More requests a second than the service allows one client"},
    503: {"model": Problem, "description": "Nothing to serve yet, overloaded, or the log cannot be written"},
}

_BODY: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "A body that is no text"},
    413: {"model": Problem, "description": "Body over 64 KB"},
    415: {"model": Problem, "description": "A body that is not declared as JSON"},
}

router = APIRouter()


_CLIENT = {
    "name": "X-Client-Id",
    "in": "header",
    "required": False,
    "example": "desk",
    "description": "Who asks; decides the arm. Missing: anonymous. Where keys are asked for, the key's account counts.",
    "schema": {"type": "string", "maxLength": LONGEST},
}
_TICKER = {
    "name": "ticker",
    "in": "path",
    "required": True,
    "example": "GOOG",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_TICKER},
}


@router.get(
    PREDICTIONS + "{ticker}",
    response_model=PredictionAnswer,
    responses=_PROBLEMS,
    tags=["predictions"],
    openapi_extra={"parameters": [_TICKER, _CLIENT]},
)
async def predict_one(request: Request) -> Response:
    """Forecast one ticker; both models' forecasts go on record, the client's arm answers."""
    # The busiest path: declared parameters would take the framework longer than the forecast does.
    service, ticker = service_of(request), request.path_params["ticker"]
    if len(ticker) > MAX_TICKER:
        raise BadInput(f"ticker: longer than {MAX_TICKER} characters.", "See /docs for what is expected.")
    return Response(await service.predict(service.door.client(request), ticker), media_type=JSON)


@router.post(
    "/v1/predictions",
    response_model=PredictionAnswers,
    responses={code: problem for code, problem in _PROBLEMS.items() if code != 404} | _BODY,
    tags=["predictions"],
    openapi_extra={"parameters": [_CLIENT]},
)
async def predict_many(body: PredictionRequest, client: ClientDep, service: ServiceDep) -> Response:
    """Forecast many tickers at once, all by the same arm; a repeated ticker is answered once.

    Names come and go: those that have no answer stand in `unanswered`, each with the reason.
    """
    answers, refusals = await service.predict_many(client, tuple(dict.fromkeys(body.tickers)))
    unanswered = [{"ticker": ticker, "error": why.what, "hint": why.hint} for ticker, why in refusals.items()]
    content = b'{"predictions":[' + b",".join(answers) + b'],"unanswered":' + orjson.dumps(unanswered) + b"}"
    return Response(content, media_type=JSON)


@router.get(
    "/v1/rollout", responses={401: _PROBLEMS[401], 503: _PROBLEMS[503]}, dependencies=[Guest], tags=["operations"]
)
async def rollout(service: ServiceDep) -> RolloutAnswer:
    """Who serves what, as this process serves it."""
    snapshot = service.snapshot
    row = snapshot.lineup.rollout
    return RolloutAnswer(
        model=row.model,
        champion=row.champion,
        challenger=row.challenger,
        previous_champion=row.previous_champion,
        stage=row.stage,
        stage_session=row.stage_session,
        weight=row.weight,
        version=row.version,
        updated_at=row.updated_at.isoformat(),
        as_of=snapshot.as_of.date().isoformat(),
        clock=snapshot.clock.date().isoformat(),
        alarms=service.keeper.alarms,
    )


@router.get("/healthz", tags=["operations"])
async def alive() -> dict[str, bool]:
    """The process answers."""
    return {"alive": True}


@router.get("/readyz", response_model=Ready, responses={503: _PROBLEMS[503]}, tags=["operations"])
async def ready(service: ServiceDep) -> Ready:
    """The service can forecast and put it on record. Who serves is told at /v1/rollout, to those who may know."""
    await service.require_ready()
    return Ready(ready=True, alarms=len(service.keeper.alarms))


@router.get("/metrics", dependencies=[Viewer], response_class=PlainTextResponse, tags=["operations"])
async def metrics(service: ServiceDep) -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/", dependencies=[Viewer], response_class=HTMLResponse, include_in_schema=False)
async def status_page(service: ServiceDep) -> HTMLResponse:
    """The status page."""
    return HTMLResponse(await service.pages.status())


@router.get("/decisions", dependencies=[Viewer], response_class=HTMLResponse, include_in_schema=False)
async def decisions(service: ServiceDep, kind: str = "", before: str = "") -> HTMLResponse:
    """All decisions, or those of a kind."""
    return await _page(service.pages.decisions(kind, before))


@router.get("/decisions/{number}", dependencies=[Viewer], response_class=HTMLResponse, include_in_schema=False)
async def decision(number: str, service: ServiceDep) -> HTMLResponse:
    """What one decision means, what it rests on, and where it stands in the chain."""
    return await _page(service.pages.decision(number))


@router.get("/tickers/{ticker:path}", dependencies=[Viewer], response_class=HTMLResponse, include_in_schema=False)
async def ticker(ticker: str, service: ServiceDep) -> HTMLResponse:
    """What both models forecast of one ticker, and how their forecasts came out."""
    return await _page(service.pages.ticker(ticker, service.snapshot))


@router.get("/papers/{kind}/{of}", dependencies=[Viewer], response_class=HTMLResponse, include_in_schema=False)
async def paper(kind: str, of: str, service: ServiceDep) -> HTMLResponse:
    """A model card, a notebook, a validation report, or what was made of a drift finding."""
    return await _page(service.pages.paper(kind, of), {"content-security-policy": PAPER_POLICY})


async def _page(content: Awaitable[str | bytes], headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """The page, or the one that says what is not there."""
    try:
        return HTMLResponse(await content, headers=headers)
    except NotFound as missing:
        return HTMLResponse(render_missing(missing), status.HTTP_404_NOT_FOUND)


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """The OpenAPI description as one page that needs no internet."""
    return HTMLResponse(render_docs(request.app.openapi(), str(request.base_url).rstrip("/")))
