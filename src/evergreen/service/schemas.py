"""What goes over the wire, for validation of what comes in and for the OpenAPI page."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_TICKERS = 1_000  # two universes of 500; as rows of one commit they take 20 ms
MAX_TICKER = 32  # characters; the longest symbols in use, of options, have 21

Ticker = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TICKER)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


EXAMPLE = {  # as the demo answered
    "id": "01a21dc5f054aab90a8c53c807ac",
    "ticker": "GOOG",
    "as_of": "2009-02-06",
    "horizon": 1,
    "target_session": "2009-02-09",
    "target": "return",
    "forecast": 0.0009704658055944571,
    "forecast_lower": -0.05786329739068317,
    "forecast_upper": 0.05235459813151247,
    "forecast_return": 0.0009704658055944571,
    "price": 371.6404894373446,
    "lower": 350.4062506591432,
    "upper": 391.2360526595442,
    "last_close": 371.28,
    "model": "2",
    "arm": "champion",
    "feature_age": 0,
    "stale": False,
    "missing": 0.0,
    "incomplete": False,
    "outside": 0.0,
    "out_of_distribution": False,
    "expired": False,
    "rollout_version": 64,
}
UNANSWERED = {
    "ticker": "ENRNQ",
    "error": "No features are served for 'ENRNQ'.",
    "hint": "Served: AAPL, GOOG, IBM, MSFT.",
}


def _shown_as(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class PredictionRequest(_Wire):
    """Many tickers at once; each is answered once, in the order asked, or named with the reason why not."""

    model_config = _shown_as({"tickers": ["GOOG", "ENRNQ"]})

    tickers: Annotated[list[Ticker], Field(min_length=1, max_length=MAX_TICKERS)]


class PredictionAnswer(_Wire):
    """One forecast, on record under its id before it was sent."""

    model_config = _shown_as(EXAMPLE)

    id: str
    ticker: str
    as_of: Annotated[str, Field(description="Session whose close the forecast starts from (ISO date).")]
    horizon: Annotated[int, Field(description="Sessions ahead.")]
    target_session: Annotated[
        str | None,
        Field(
            description="Session whose close is forecast (ISO date); null where the exchange's calendar ends before it."
        ),
    ]
    target: Annotated[str, Field(description="What is forecast: return, rank, neutral, volatility, or another name.")]
    forecast: Annotated[float, Field(description="Of the target over the horizon; 0 is its naive forecast.")]
    forecast_lower: Annotated[float, Field(description="Lower end of the 90 % interval of the forecast.")]
    forecast_upper: Annotated[float, Field(description="Upper end of the 90 % interval of the forecast.")]
    forecast_return: Annotated[
        float | None, Field(description="The forecast, where it is a log return; null of any other target.")
    ]
    price: Annotated[
        float | None,
        Field(description="last_close x exp(forecast_return), in the stock's currency; null without a return."),
    ]
    lower: Annotated[float | None, Field(description="Lower end of the 90 % interval of the price; null without one.")]
    upper: Annotated[float | None, Field(description="Upper end of the 90 % interval of the price; null without one.")]
    last_close: Annotated[float, Field(description="Raw close of the session as_of.")]
    model: Annotated[str, Field(description="Registered version of the model that answered.")]
    arm: Annotated[
        Literal["champion", "challenger"],
        Field(description="Arm the client is assigned to; if the challenger fails, the champion answers."),
    ]
    feature_age: Annotated[int, Field(description="Closed sessions since as_of.")]
    stale: Annotated[bool, Field(description="Whether the features are older than the service allows.")]
    missing: Annotated[float, Field(description="Share of the model's features that have no value, 0 to 1.")]
    incomplete: Annotated[bool, Field(description="Whether more than a fifth of the features are missing.")]
    outside: Annotated[float, Field(description="Share of the features beyond what the model was trained on, 0 to 1.")]
    out_of_distribution: Annotated[
        bool, Field(description="Whether more than a twentieth of the features are outside.")
    ]
    expired: Annotated[bool, Field(description="Whether the model is older than the service allows.")]
    rollout_version: int


class Unanswered(_Wire):
    """A ticker without an answer, why, and what to do about it."""

    ticker: str
    error: str
    hint: str


class PredictionAnswers(_Wire):
    """The answers to a request for many tickers, and the tickers that have none."""

    model_config = _shown_as({"predictions": [EXAMPLE], "unanswered": [UNANSWERED]})

    predictions: list[PredictionAnswer]
    unanswered: list[Unanswered]


class RolloutAnswer(_Wire):
    """Who serves what. `weight` is the challenger's share of clients in basis points."""

    model_config = _shown_as(
        {
            "model": "evergreen",
            "champion": "2",
            "challenger": "3",
            "previous_champion": "1",
            "stage": "canary_5",
            "stage_session": "2008-11-03",
            "weight": 500,
            "version": 6,
            "updated_at": "2008-11-03T21:30:00+00:00",
            "as_of": "2008-11-04",
            "clock": "2008-11-04",
            "alarms": {},
        }
    )

    model: str
    champion: str
    challenger: str | None
    previous_champion: str | None
    stage: str
    stage_session: str | None
    weight: int
    version: int
    updated_at: str
    as_of: Annotated[str, Field(description="Newest session the features stand at.")]
    clock: Annotated[str, Field(description="Last closed session.")]
    alarms: dict[str, str]


class Ready(_Wire):
    """The service can answer; `alarms` counts what it could not bring up to date."""

    model_config = _shown_as({"ready": True, "alarms": 0})

    ready: bool
    alarms: int


class Problem(_Wire):
    """Why there is no answer, and what to do about it."""

    error: str
    hint: str
