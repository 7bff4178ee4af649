"""The pages in headless Chromium, as wide as a phone; skipped where there is none."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from evergreen.adapters import gx, monitoring
from evergreen.adapters.documents.model_card import to_page
from evergreen.core.market import simulate
from tests.browser import AXE, PHONE, Browser
from tests.service.running import listening
from tests.service.story import tell
from tests.service.world import TICKERS, World

WIDEST = "Math.max(...[...document.querySelectorAll('body *')].map(e => e.getBoundingClientRect().right))"

SCHEMES = ("light", "dark")

PAGES = ("/", "/docs", "/tickers/AAPL", "/decisions", "/decisions/8", "/decisions/999")


@pytest.mark.parametrize("path", PAGES)
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
        assert browser.value("document.body.innerText.length") > 500 or path == "/decisions/999"
        if path != "/docs":
            assert browser.value(WIDEST) <= PHONE["width"]
        assert browser.requested and all(url.startswith((base, "data:")) for url in browser.requested)


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core here: `make test-pages` brings it")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", PAGES)
def test_page__axe_finds_no_violation(world: World, browser: Browser, path: str, scheme: str) -> None:
    tell(world)
    with listening(world) as base:
        httpx.get(f"{base}/v1/predictions/{TICKERS[0]}", headers={"X-Client-Id": "somebody"})
        browser.open(base + path)
        assert browser.violations(scheme) == []


SEND = """
new Promise(answered => {
  const form = document.querySelector("form[data-path='%s']"), shown = form.querySelector("pre");
  form.closest("details").open = true;
  new MutationObserver(() => answered(shown.textContent)).observe(shown, { childList: true });
  form.querySelector("button").click();
})
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/v1/predictions/{ticker}", '"target_session": "2008-09-15"'), ("/v1/predictions", "No features are served")],
)
def test_docs__what_is_tried_is_asked_of_this_service_and_shown(
    world: World, browser: Browser, path: str, expected: str
) -> None:
    with listening(world) as base:
        browser.open(f"{base}/docs")
        tried = browser.do("Runtime.evaluate", expression=SEND % path, awaitPromise=True, returnByValue=True)
        assert tried["result"]["value"].startswith("200 ") and expected in tried["result"]["value"]
        assert not AXE.exists() or browser.violations("light") == []


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core here: `make test-pages` brings it")
@pytest.mark.parametrize("scheme", SCHEMES)
def test_model_card__axe_finds_no_violation(browser: Browser, tmp_path: Path, scheme: str) -> None:
    card = "# Model card\n\nWhat it is.\n\n## Data\n\n| fact | value |\n| --- | --- |\n| seed | `7` |\n"
    (tmp_path / "card.html").write_text(to_page(card))
    browser.open(f"file://{tmp_path / 'card.html'}")
    assert browser.violations(scheme) == []


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core here: `make test-pages` brings it")
def test_axe__finds_a_picture_without_words(browser: Browser, tmp_path: Path) -> None:
    page = '<!doctype html><html lang="en"><title>A page</title><main><h1>A page</h1><img src="x.png"></main></html>'
    (tmp_path / "page.html").write_text(page)
    browser.open(f"file://{tmp_path / 'page.html'}")
    assert [each.partition(":")[0] for each in browser.violations("light")] == ["image-alt"]


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core here: `make test-pages` brings it")
@pytest.mark.parametrize("scheme", SCHEMES)
def test_validation_page__axe_finds_no_violation(browser: Browser, tmp_path: Path, scheme: str) -> None:
    days = pd.bdate_range("2008-01-02", periods=30)
    bars = simulate(4, days, seed=1)
    page = gx.validate(bars.assign(close=bars["close"].where(bars.index != 9)), days, tmp_path).page
    browser.open(f"file://{page}")
    assert browser.violations(scheme) == [] and browser.value("innerWidth") == PHONE["width"]


def test_decisions__are_searched_and_sorted_by_a_head(world: World, browser: Browser) -> None:
    tell(world)
    shown = "[...document.querySelectorAll('tbody tr:not([hidden])')].map(row => row.cells[0].textContent).join()"
    with listening(world) as base:
        browser.open(f"{base}/decisions")
        assert browser.value(shown) == "11,10,9,8,7,6,5,4,3,2,1"
        browser.do("Runtime.evaluate", expression="document.querySelectorAll('thead button')[2].click()")
        assert browser.value(shown).startswith("11,10,9,")  # of the kinds the last by name: stage
        typing = "box.value = 'GOLDEN'; box.dispatchEvent(new Event('input', { bubbles: true }))"
        browser.do("Runtime.evaluate", expression=f"const box = document.querySelector('.search input'); {typing}")
        assert browser.value(shown) == "9"


@pytest.fixture
def profile_page(tmp_path: Path) -> Path:
    """The page of three features that did not move."""
    frame = pd.DataFrame({name: np.arange(40.0) * turn for name, turn in (("KMID", 1), ("ROC5", -1), ("MA5", 3))})
    frame.index = pd.MultiIndex.from_product([[f"T{number}" for number in range(40)], [pd.Timestamp("2008-06-30")]])
    frame.index.names = ["ticker", "session"]
    described = monitoring.profile(frame, pd.Timestamp("2008-06-30"))
    return monitoring.report(described, described, tmp_path / "profile.html")


def test_profile_page__is_searched_by_formula_and_sorted_by_a_head(browser: Browser, profile_page: Path) -> None:
    browser.open(f"file://{profile_page}")
    shown = (
        "[...document.querySelectorAll('tbody tr:not([hidden]) th')].map(each => each.firstChild.textContent).join()"
    )
    assert set(browser.value(shown).split(",")) == {"KMID", "ROC5", "MA5"}
    browser.do("Runtime.evaluate", expression="document.querySelectorAll('thead button')[2].click()")
    assert browser.value(shown) == "MA5,KMID,ROC5"  # by the current mean, the largest first
    typing = "const box = document.getElementById('search'); box.value = 'open'; box.dispatchEvent(new Event('input'))"
    browser.do("Runtime.evaluate", expression=typing)
    assert browser.value(shown) == "KMID"  # (close - open) / open


@pytest.mark.skipif(not AXE.exists(), reason="no axe-core here: `make test-pages` brings it")
@pytest.mark.parametrize("scheme", SCHEMES)
def test_profile_page__axe_finds_no_violation(browser: Browser, profile_page: Path, scheme: str) -> None:
    browser.open(f"file://{profile_page}")
    assert browser.violations(scheme) == []
