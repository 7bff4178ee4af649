"""The pages in headless Chromium, as wide as a phone; skipped where there is none."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.service.running import listening
from tests.service.story import tell
from tests.service.world import TICKERS, World

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
WIDEST = "Math.max(...[...document.querySelectorAll('body *')].map(e => e.getBoundingClientRect().right))"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")


class Browser:
    """One tab, spoken to over the DevTools protocol; `events` is all it reported."""

    def __init__(self, tab: ClientConnection) -> None:
        self.events: list[dict[str, Any]] = []
        self._tab = tab
        self._asked = 0

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return what it gave."""
        self._asked += 1
        self._tab.send(json.dumps({"id": self._asked, "method": method, "params": parameters}))
        while (message := json.loads(self._tab.recv(timeout=60))).get("id") != self._asked:
            self.events.append(message)
        return dict(message["result"])

    def open(self, url: str) -> None:
        """Load a page to its end, on a phone's screen."""
        for domain in ("Page", "Network", "Runtime"):
            self.do(f"{domain}.enable")
        self.do("Emulation.setDeviceMetricsOverride", **PHONE)
        self.do("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(json.loads(self._tab.recv(timeout=60)))

    def value(self, expression: str) -> Any:
        """What an expression is worth in the page."""
        return self.do("Runtime.evaluate", expression=expression, returnByValue=True)["result"]["value"]

    @property
    def requested(self) -> list[str]:
        """Every URL the page asked for."""
        sent = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    profile = tmp_path / "profile"
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    arguments = [*flags, "--disable-background-networking", f"--user-data-dir={profile}", "--remote-debugging-port=0"]
    running = subprocess.Popen(
        [str(CHROMIUM), *arguments, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with connect(_tab(profile), max_size=None) as tab:
            yield Browser(tab)
    finally:
        running.terminate()
        running.wait(timeout=30)


def _tab(profile: Path) -> str:
    """Where the first tab listens, once the browser has written down its port."""
    place = profile / "DevToolsActivePort"
    for _ in range(600):
        if place.exists() and place.read_text().count("\n"):
            tabs = httpx.get(f"http://127.0.0.1:{place.read_text().splitlines()[0]}/json/list").json()
            if pages := [tab for tab in tabs if tab["type"] == "page"]:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError("Chromium did not start")


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_page__on_a_phone_needs_no_sideways_scrolling_and_nothing_from_elsewhere(
    world: World, browser: Browser, tmp_path: Path, path: str
) -> None:
    tell(world)
    with listening(world) as base:
        for number in range(40):
            ticker = TICKERS[number % len(TICKERS)]
            httpx.get(f"{base}/v1/predictions/{ticker}", headers={"X-Client-Id": f"client {number}"})
        browser.open(base + path)
        seen = browser.do("Page.captureScreenshot", captureBeyondViewport=True)
        (tmp_path / "page.png").write_bytes(base64.b64decode(seen["data"]))
        assert browser.value("innerWidth") == PHONE["width"]
        assert browser.value("document.documentElement.scrollWidth") <= PHONE["width"]
        assert browser.value("document.body.innerText.length") > 500
        if path == "/":
            assert browser.value(WIDEST) <= PHONE["width"]
        assert browser.requested and all(url.startswith((base, "data:")) for url in browser.requested)
