"""Ids that nobody would choose, sent to the pages of decisions, tickers and papers: escaped, and never a path."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import httpx
import pytest

from tests.service.running import listening
from tests.service.story import tell
from tests.service.world import ready_world

SECRET = "not-for-reading"
IDS = (
    "<script>alert(1)</script>",
    "%3Cimg%20src=x%20onerror=alert(1)%3E",
    "%22%3E%3Csvg%20onload=alert(1)%3E",
    "..%2F..%2Fserver-account",
    "%2e%2e%2f%2e%2e%2fserver-account",
    "....%2F%2Fserver-account",
    "%2Fetc%2Fpasswd",
    "..%5C..%5Cserver-account",
    "1%00.html",
    "{{7*7}}",
    "'%20or%201=1--",
    "9" * 200,
    "A" * 4_000,
    "%F0%9F%93%88",
    "%ff%fe",
    "1%0d%0aX-Evil:1",
)
PLACES = (
    "/decisions/", "/tickers/", "/papers/card/", "/papers/notebook/", "/papers/validation/", "/papers/drift/",
    "/papers/profiles/", "/papers/", "/decisions?kind=", "/decisions?before=",
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    world = ready_world(tmp_path_factory.mktemp("hostile"))
    tell(world)
    (world.settings.home / "server-account").write_text(SECRET)
    (world.settings.home / "reports").mkdir()
    with listening(world) as address:
        yield address


def test_hostile_id__is_404_and_comes_back_escaped_or_not_at_all(base: str) -> None:
    with httpx.Client(base_url=base, timeout=60) as client:
        for place, name in product(PLACES, IDS):
            answer = client.get(place + name)
            assert answer.status_code == 404, (place, name, answer.status_code)
            assert SECRET not in answer.text and "root:" not in answer.text and "Traceback" not in answer.text
            assert "x-evil" not in answer.headers
            if answer.headers["content-type"].startswith("text/html"):
                assert "script-src" in answer.headers["content-security-policy"]
                for raw in ("<script>alert", "<img src=x", "<svg onload", "49"):
                    assert raw not in answer.text.partition("<h1>")[2], (place, name)


@pytest.mark.parametrize("page", ["/decisions", "/decisions/1", "/tickers/AAPL", "/papers/card/1"])
def test_pages__foreign_sites_may_link_them_and_not_read_them(base: str, page: str) -> None:
    framed = httpx.get(base + page, headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"})
    assert framed.status_code == 403
    linked = httpx.get(base + page, headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    assert linked.status_code in (200, 404) and linked.headers["x-frame-options"] == "DENY"
