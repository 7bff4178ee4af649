"""What a request needs: the running service, and who is asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request

from evergreen.core.bars.listings import Listings
from evergreen.core.canary.assignment import arm
from evergreen.errors import EvergreenError, NotFound, Unavailable
from evergreen.service.answering import Question
from evergreen.service.door import Door
from evergreen.service.inputs import bad_input
from evergreen.service.log import GroupCommit
from evergreen.service.metrics import Metrics
from evergreen.service.pages import Pages
from evergreen.service.refresh import Keeper
from evergreen.service.state import ServedModel, Snapshot
from evergreen.service.tracing import TracedCommits
from evergreen.settings import Settings


@dataclass(frozen=True)
class Service:
    """The parts of one running service."""

    settings: Settings
    keeper: Keeper
    commits: GroupCommit[Question, list[bytes]] | TracedCommits
    metrics: Metrics
    pages: Pages
    door: Door
    listings: Listings = field(default_factory=Listings)

    @property
    def snapshot(self) -> Snapshot:
        """What is served now.

        Raises:
            Unavailable: there is no champion or there are no features yet; says what to type.
        """
        if (snapshot := self.keeper.snapshot) is not None:
            return snapshot
        alarm = next(iter(self.keeper.alarms.values()), "")
        raise Unavailable(
            alarm or "There is no champion with features to serve yet.",
            "Type `evergreen status`: it says what is missing and which command makes it.",
        )

    async def require_ready(self) -> None:
        """Pass only while forecasts can be made and put on record; why not is not for everybody to know.

        Raises:
            Unavailable: nothing to serve yet, or the database is held by another writer.
        """
        if self.keeper.snapshot is None:
            hint = "See `evergreen status`: it says what is missing and which command makes it."
            raise Unavailable("There is no champion with features to serve yet.", hint)
        await self.commits.probe()

    async def predict(self, client: str, ticker: str) -> bytes:
        """One JSON answer, on record.

        Raises:
            NotFound: a ticker without features, or one that is not traded in the session served.
            Unavailable: nothing to serve yet, too many waiting, or the log could not be written; stale
                features where `bad_inputs` refuses them.
            BadInput: incomplete or unusual features where `bad_inputs` refuses them.
        """
        answers, refusals = await self.predict_many(client, (ticker,))
        if refusals:
            raise refusals[ticker]
        return answers[0]

    async def predict_many(self, client: str, tickers: Sequence[str]) -> tuple[list[bytes], dict[str, EvergreenError]]:
        """One JSON answer for each ticker that can be answered, all on record, and why the others have none.

        Raises:
            Unavailable: nothing to serve yet, too many waiting, or the log could not be written.
        """
        snapshot = self.snapshot
        rollout = snapshot.lineup.rollout
        assigned = arm(rollout.salt, client, rollout.weight)
        answering = snapshot.answering_model(assigned)
        refusals = {
            ticker: why for ticker in tickers if (why := self._refusal(snapshot, answering, ticker)) is not None
        }
        rows = tuple(snapshot.places[ticker] for ticker in tickers if ticker not in refusals)
        if not rows:
            return [], refusals
        return await self.commits.ask(Question(snapshot, client, assigned, rows)), refusals

    def _refusal(self, snapshot: Snapshot, answering: ServedModel, ticker: str) -> EvergreenError | None:
        if absence := self.listings.absence(ticker, snapshot.clock):
            return NotFound(absence, "Ask for a name that is traded.")
        if ticker not in snapshot.places:
            return _unknown(ticker, snapshot)
        place, champion = snapshot.places[ticker], snapshot.lineup.champion
        if snapshot.is_undelivered(answering, place):
            answering = champion
        if snapshot.is_undelivered(answering, place):
            return Unavailable(
                f"No forecast of {ticker!r} for {snapshot.universe.dates[place]} was delivered to version "
                f"{champion.version}, which runs elsewhere.",
                "Ask again when it has come, or after the next session.",
            )
        if self.settings.bad_inputs == "tell":
            return None
        return bad_input(snapshot, answering, place, self.settings.max_feature_age)


def _unknown(ticker: str, snapshot: Snapshot) -> NotFound:
    known = snapshot.universe.tickers
    shown = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    return NotFound(f"No features are served for {ticker!r}.", f"Served: {shown}.")


def service_of(request: Request) -> Service:
    """The service the request came to."""
    return cast(Service, request.app.state.service)


async def get_service(request: Request) -> Service:
    """The service this application runs."""
    return service_of(request)


async def get_client(request: Request) -> str:
    """The client's name, on which its arm depends."""
    return service_of(request).door.client(request)


async def check_guest(request: Request) -> None:
    """Refuse who has no key where one is needed."""
    service_of(request).door.guest(request)


async def check_viewer(request: Request) -> None:
    """Refuse who may not see the pages."""
    service_of(request).door.viewer(request)


ServiceDep = Annotated[Service, Depends(get_service)]
ClientDep = Annotated[str, Depends(get_client)]
Guest, Viewer = Depends(check_guest), Depends(check_viewer)
