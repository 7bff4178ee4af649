from __future__ import annotations

import asyncio
import threading
from functools import partial

import httpx
import pytest

from evergreen.service import pages
from evergreen.service.kept_page import KeptPage
from evergreen.service.status_page import StatusPage
from evergreen.service.ticker_page import TickerView
from tests.service.running import Client, ask, until, with_service
from tests.service.world import World

PATIENCE = 60  # seconds; a test that fails ends


def test_page__sixty_at_once_is_made_once_on_a_thread_of_its_own() -> None:
    threads: list[str] = []

    def render() -> str:
        threads.append(threading.current_thread().name)
        return f"page {len(threads)}"

    async def live() -> list[str]:
        page = KeptPage(render, seconds=60)
        pages = await asyncio.gather(*(page.html() for _ in range(60)))
        page.close()
        return pages

    assert set(asyncio.run(live())) == {"page 1"}
    assert len(threads) == 1 and threads[0].startswith("page")


def test_page__grown_old_is_made_again() -> None:
    seconds, renderings = [0.0], []

    async def live() -> list[str]:
        page = KeptPage(lambda: str(renderings.append(1) or len(renderings)), 2.0, lambda: seconds[0])
        pages = [await page.html(), await page.html()]
        seconds[0] = 2.0
        pages.append(await page.html())
        page.close()
        return pages

    assert asyncio.run(live()) == ["1", "1", "2"]


def test_pages__sixty_at_once_that_take_long_keep_neither_refresh_nor_forecasts_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, rendered = threading.Event(), []
    render, view_ticker = StatusPage.render, pages.view_ticker

    def slow_status(page: StatusPage) -> str:
        rendered.append("status")
        assert read.wait(PATIENCE)  # as with 200,000 rows on record
        return render(page)

    def slow_ticker(*arguments: object) -> TickerView:
        assert read.wait(PATIENCE)
        return view_ticker(*arguments)

    monkeypatch.setattr(pages, "KeptPage", partial(KeptPage, seconds=PATIENCE))
    monkeypatch.setattr(StatusPage, "render", slow_status)
    monkeypatch.setattr(pages, "view_ticker", slow_ticker)

    async def act(client: Client) -> list[httpx.Response]:
        tasks = [asyncio.create_task(client.get(path)) for path in ["/"] * 60 + ["/tickers/AAPL"] * 60]
        changed = world.change_rollout(weight=2_500)
        await until(client, "/v1/rollout", lambda answer: answer.json()["version"] == changed.version)
        assert (await ask(client)).status_code == 200
        assert not any(task.done() for task in tasks)
        read.set()
        return await asyncio.gather(*tasks)

    answers = with_service(world, act)
    assert {answer.status_code for answer in answers} == {200}
    assert rendered == ["status"], "sixty requests, one page"
