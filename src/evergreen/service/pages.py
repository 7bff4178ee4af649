"""All pages: status, the decisions, one for each of them and each ticker, the papers they link, and the API's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from evergreen.adapters.database import reading
from evergreen.adapters.infra.prefect_api import PrefectApi
from evergreen.errors import NotFound
from evergreen.service.decision_list import list_decisions
from evergreen.service.decision_page import view_decision
from evergreen.service.kept_page import KeptPage
from evergreen.service.papers import Papers
from evergreen.service.refresh import Keeper
from evergreen.service.state import Snapshot
from evergreen.service.status_page import StatusPage, evidence_chart
from evergreen.service.store import DiskStore
from evergreen.service.templating import render
from evergreen.service.ticker_page import view_ticker
from evergreen.service.watch import Watch
from evergreen.settings import Settings

LONGEST_NUMBER = 12  # digits of a decision's; a number beyond is nobody's, and no database column's

Content = TypeVar("Content")


class Pages:
    """Renders every page on a thread that no forecast waits for."""

    def __init__(self, settings: Settings, store: DiskStore, keeper: Keeper, watch: Watch) -> None:
        prefect = PrefectApi.at(os.environ, hurried=True) if os.environ.get("PREFECT_API_URL") else None
        self._settings = settings
        self._store = store
        self._papers = Papers(settings, prefect)
        self._status = KeptPage(StatusPage(settings, store, keeper, watch, self._papers, prefect).render)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pages")

    async def status(self) -> str:
        """Who serves what and why, and the evidence behind it; a moment old at most."""
        return await self._status.html()

    async def decisions(self, kind: str, before: str) -> str:
        """The newest decisions, of all kinds with an empty `kind`; those before a number with `before`.

        Raises:
            NotFound: there is no such kind, or `before` is no number.
        """
        number = _number(before) if before else None
        return await self._on_thread(partial(self._decisions, kind=kind, before=number))

    async def decision(self, number: str) -> str:
        """The decision of that number.

        Raises:
            NotFound: there is none.
        """
        return await self._on_thread(partial(self._decision, seq=_number(number)))

    async def ticker(self, ticker: str, snapshot: Snapshot) -> str:
        """The forecasts of a ticker, today's and past ones.

        Raises:
            NotFound: nothing was ever forecast of it.
        """
        return await self._on_thread(partial(self._ticker, ticker=ticker, snapshot=snapshot))

    async def paper(self, kind: str, of: str) -> bytes:
        """A model card, a notebook, a validation report, or what was made of a drift finding.

        Raises:
            NotFound: there is none of that kind and name.
        """
        return await self._on_thread(lambda conn: self._papers.path(conn, kind, of).read_bytes())

    def close(self) -> None:
        """Let the threads go."""
        self._status.close()
        self._thread.shutdown(wait=True)

    async def _on_thread(self, read: Callable[[Connection], Content]) -> Content:
        def reader() -> Content:
            with reading(self._store.engine) as conn:
                return read(conn)

        return await asyncio.get_running_loop().run_in_executor(self._thread, reader)

    def _decisions(self, conn: Connection, kind: str, before: int | None) -> str:
        name = self._settings.model_name
        return render("decisions.html", name=name, view=list_decisions(conn, name, kind, before))

    def _decision(self, conn: Connection, seq: int) -> str:
        name = self._settings.model_name
        view = view_decision(conn, name, seq, self._papers)
        evidence = evidence_chart(view.quality) if view.quality else None
        return render("decision.html", name=name, view=view, evidence=evidence)

    def _ticker(self, conn: Connection, ticker: str, snapshot: Snapshot) -> str:
        name, lineup = self._settings.model_name, snapshot.lineup
        place = snapshot.places.get(ticker)
        session = snapshot.as_of if place is None else snapshot.universe.sessions[place]
        target = self._store.target(session, lineup.champion.manifest.horizon) or ""
        view = view_ticker(conn, snapshot, ticker, target)
        return render("ticker.html", name=name, view=view, max_age=self._settings.max_feature_age)


def _number(number: str) -> int:
    """The number of a decision as an address has it."""
    if not (number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER):
        raise NotFound(f"{number!r} is no number of a decision.", "The page of all decisions has them.")
    return int(number)


def render_docs(schema: Mapping[str, Any], base: str) -> str:
    """The API page from the OpenAPI description; `base` is the service's own address, which its examples ask."""
    return render("docs.html", schema=schema, base=base)


def render_missing(missing: NotFound) -> str:
    """The page that says what is not there."""
    return render("missing.html", missing=missing)
