"""OpenTelemetry traces, where a collector is named: from the request to the rows its answer is on record with.

A request's span carries the ids of its predictions, the models and the arm that answered; its child is the group
commit it shared with others. Without a collector nothing of this is imported, wrapped or called.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen import __version__
from evergreen.adapters.infra.extras import require_installed
from evergreen.errors import EvergreenError
from evergreen.service.answering import Question
from evergreen.service.log import GroupCommit

if TYPE_CHECKING:
    from fastapi import FastAPI
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

Outcome = list[bytes] | EvergreenError
Settle = Callable[[Sequence[Question]], Sequence[Outcome]]
QUIET = "healthz,readyz,metrics"  # asked every few seconds by machines
PATIENCE = 5  # seconds for the collector to take a batch of spans


@dataclass(frozen=True, slots=True)
class Settled:
    """Answers with the batch they were settled in: when, in nanoseconds since 1970, and for how many requests."""

    answers: list[bytes]
    began: int
    ended: int
    requests: int


class Tracing:
    """Spans of one service, sent to the collector at `address` (OTLP over HTTP) in the background.

    Raises:
        BadSetting: the extra `otel` is not installed.
    """

    def __init__(self, address: str) -> None:
        for module in ("opentelemetry.exporter.otlp.proto.http", "opentelemetry.instrumentation.fastapi"):
            require_installed(module, f"Traces cannot be sent to {address}", ".[otel]")
        self._provider = _provider(f"{address.rstrip('/')}/v1/traces")

    def watch(self, app: FastAPI) -> None:
        """Have every request to `app` make a span, within the caller's trace where it names one."""
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

        FastAPIInstrumentor.instrument_app(
            app, tracer_provider=self._provider, excluded_urls=QUIET, exclude_spans=["receive", "send"]
        )

    def commits(self, settle: Settle) -> TracedCommits:
        """A group commit whose requests are traced."""
        return TracedCommits(settle, self._provider)

    async def close(self) -> None:
        """Send what is left; a silent collector is waited for `PATIENCE` seconds."""
        await asyncio.to_thread(self._provider.shutdown)


class TracedCommits:
    """A `GroupCommit` that adds to the span of whoever asks what came of it."""

    def __init__(self, settle: Settle, provider: TracerProvider) -> None:
        from opentelemetry.trace import get_current_span

        self._current_span = get_current_span
        self._tracer = provider.get_tracer("evergreen.service", __version__)
        self._group: GroupCommit[Question, Settled] = GroupCommit(_timed(settle))
        self.start, self.close = self._group.start, self._group.close
        self.probe = self._group.probe

    async def ask(self, question: Question) -> list[bytes]:
        """As `GroupCommit.ask`."""
        settled = await self._group.ask(question)
        span = self._current_span()
        if span.is_recording():  # a sampler may have left this request out
            self._record(span, question, settled)
        return settled.answers

    def _record(self, span: Span, question: Question, settled: Settled) -> None:
        answers = [json.loads(answer) for answer in settled.answers]
        span.set_attributes(
            {
                "evergreen.prediction.id": [answer["id"] for answer in answers],
                "evergreen.model.version": sorted({answer["model"] for answer in answers}),
                "evergreen.arm": question.arm,
                "evergreen.rollout.version": question.snapshot.lineup.rollout.version,
            }
        )
        commit = self._tracer.start_span(
            "group commit", start_time=settled.began, attributes={"evergreen.commit.requests": settled.requests}
        )
        commit.end(settled.ended)


def _timed(settle: Settle) -> Callable[[Sequence[Question]], list[Settled | EvergreenError]]:
    def timed(questions: Sequence[Question]) -> list[Settled | EvergreenError]:
        began = time.time_ns()
        outcomes = settle(questions)
        ended, requests = time.time_ns(), len(questions)
        return [
            Settled(outcome, began, ended, requests) if isinstance(outcome, list) else outcome for outcome in outcomes
        ]

    return timed


def _provider(endpoint: str) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({SERVICE_NAME: "evergreen", SERVICE_VERSION: __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, timeout=PATIENCE)))
    return provider
