"""The HTTP surface."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from evergreen.service.deps import ClientDep, ServiceDep
from evergreen.service.pages import render_docs
from evergreen.service.schemas import (
    PredictionAnswer,
    PredictionAnswers,
    PredictionRequest,
    Problem,
    Ready,
    RolloutAnswer,
    Ticker,
)

JSON = "application/json"

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "A ticker without features"},
    422: {"model": Problem, "description": "Input that cannot be used"},
    503: {"model": Problem, "description": "Nothing to serve yet, overloaded, or the log cannot be written"},
}

_TOO_LARGE: dict[int | str, dict[str, Any]] = {413: {"model": Problem, "description": "Body over 64 KB"}}

router = APIRouter()


@router.get("/v1/predictions/{ticker}", response_model=PredictionAnswer, responses=_PROBLEMS, tags=["predictions"])
async def predict_one(ticker: Annotated[Ticker, Path()], client: ClientDep, service: ServiceDep) -> Response:
    """Forecast one ticker's price; champion and challenger both score, the client's arm answers."""
    answers = await service.predict(client, (ticker,))
    return Response(answers[0], media_type=JSON)


@router.post(
    "/v1/predictions",
    response_model=PredictionAnswers,
    responses=_PROBLEMS | _TOO_LARGE,
    tags=["predictions"],
)
async def predict_many(asked: PredictionRequest, client: ClientDep, service: ServiceDep) -> Response:
    """Forecast many tickers at once, all by the same arm; a repeated ticker is answered once."""
    answers = await service.predict(client, tuple(dict.fromkeys(asked.tickers)))
    return Response(f'{{"predictions": [{", ".join(answers)}]}}', media_type=JSON)


@router.get("/v1/rollout", responses={503: _PROBLEMS[503]}, tags=["operations"])
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
    """The service can forecast; alarms say what it could not bring up to date."""
    snapshot = service.snapshot
    return Ready(
        ready=True,
        champion=snapshot.lineup.champion.version,
        rollout_version=snapshot.lineup.rollout.version,
        as_of=snapshot.as_of.date().isoformat(),
        alarms=service.keeper.alarms,
    )


@router.get("/metrics", tags=["operations"])
async def metrics(service: ServiceDep) -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/", response_class=HTMLResponse, include_in_schema=False)
async def status(service: ServiceDep) -> HTMLResponse:
    """The status page."""
    return HTMLResponse(await asyncio.to_thread(service.page))


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """The OpenAPI description as one page that needs no internet."""
    return HTMLResponse(render_docs(request.app.openapi()))
