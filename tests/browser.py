"""Headless Chromium for tests of pages, spoken to over the DevTools protocol."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

from evergreen.workspace import REPOSITORY

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
AXE = REPOSITORY / ".evergreen" / "node" / "node_modules" / "axe-core" / "axe.min.js"


class Browser:
    """One tab, spoken to over the DevTools protocol; `events` is all it reported."""

    def __init__(self, tab: ClientConnection) -> None:
        self.events: list[dict[str, Any]] = []
        self._tab = tab
        self._asked = 0

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return what it gave: nothing where the page it was for has just been left."""
        self._asked += 1
        self._tab.send(json.dumps({"id": self._asked, "method": method, "params": parameters}))
        while (message := json.loads(self._tab.recv(timeout=60))).get("id") != self._asked:
            self.events.append(message)
        return dict(message.get("result", {}))

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

    def comes_to_show(self, pattern: str) -> bool:
        """Whether the page shows text that matches, at the latest after a minute: pages fetch what they show."""
        words = "document.body ? document.body.innerText : ''"
        for _ in range(600):
            shown = self.do("Runtime.evaluate", expression=words, returnByValue=True).get("result", {}).get("value", "")
            if re.search(pattern, shown):
                return True
            time.sleep(0.1)
        return False

    def violations(self, scheme: str) -> list[str]:
        """What axe-core finds against the page in a colour scheme: rule, and the first place it names."""
        self.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.do("Runtime.evaluate", expression=AXE.read_text())
        run = self.do("Runtime.evaluate", expression="axe.run()", awaitPromise=True, returnByValue=True)
        return [f"{each['id']}: {each['nodes'][0]['html']}" for each in run["result"]["value"]["violations"]]

    @property
    def requested(self) -> list[str]:
        """Every URL the page asked for, but those its own policy stopped."""
        sent, failed = self._reported("requestWillBeSent"), self._reported("loadingFailed")
        stopped = {each["requestId"] for each in failed if each.get("blockedReason") == "csp"}
        return [each["request"]["url"] for each in sent if each["requestId"] not in stopped]

    def _reported(self, event: str) -> list[dict[str, Any]]:
        return [each["params"] for each in self.events if each.get("method") == f"Network.{event}"]


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with one tab, its profile in a folder of its own."""
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
