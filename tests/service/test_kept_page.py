from __future__ import annotations

import asyncio
import threading

from evergreen.service.kept_page import KeptPage


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
