from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import json
import math
import re
import shlex
import shutil
import subprocess
import xml.dom.minidom
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from evergreen.core.canary import LADDER, CanaryRecord, Ladder, Stage
from evergreen.service.charts import Chart, Level, Series
from evergreen.service.schemas import PredictionAnswer, PredictionAnswers, PredictionRequest, Ready, RolloutAnswer
from evergreen.service.templating import PAGE_POLICY
from tests.service.running import Client, ask, listening, with_service
from tests.service.story import canary, tell
from tests.service.world import World

VOID = {"meta", "link", "br", "input"}


class Balanced(HTMLParser):
    """Fails on a tag that closes another one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_stands_alone(page: str) -> None:
    parser = Balanced()
    parser.feed(page)
    assert not parser.open
    scripts = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert page.count("<script") == len(scripts) and all(f"sha256-{own}" in PAGE_POLICY for own in hashes)
    assert not re.search(r"<script |src=|@import|url\(|https?://(?!www\.w3\.org|localhost/)", page)


def page_of(world: World, path: str = "/") -> str:
    async def act(client: Client) -> str:
        await asyncio.gather(*(ask(client, f"client {n}") for n in range(40)))
        return (await client.get(path)).text

    return with_service(world, act)


def test_status__tells_the_whole_story_without_network(world: World) -> None:
    tell(world)
    page = page_of(world).replace("\u00a0", " ")
    assert_stands_alone(page)
    for sentence in (
        "Version 1 serves 75 % of clients", "version 2 the other 25 %",
        "Version 1 became champion", "Since session 2008-07-14", "promote 20", "roll back 10",
        "random walk", "champion arm, version 1", "challenger arm, version 2", "STD20, WVMA60",
        "5d1f0c2ab7e9", "5 clean sessions: 25 % of clients.",
    ):  # fmt: skip
        assert sentence in page, sentence
    assert page.count('<li class="done">') == LADDER.names.index("canary_25")


def test_status__shows_the_alarms(world: World) -> None:
    world.change_rollout(challenger="9")
    page = page_of(world)
    assert_stands_alone(page)
    assert "No version 9" in page or "no version 9" in page


def test_status__says_when_the_evidence_cannot_be_read(world: World) -> None:
    world.change_rollout(evidence=CanaryRecord(test={"format": 99}))
    assert "stored evidence cannot be read" in page_of(world)


def test_status__names_a_database_that_was_lost_beside_its_bars(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def act(client: Client) -> str:
        return (await client.get("/")).text

    assert "No data yet" in with_service(world, act, wait=False)
    part = world.settings.data / "bars" / "year=2008.parquet"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"PAR1")
    page = with_service(world, act, wait=False)
    assert f"The database {world.settings.database} has no record of the bars" in page and "No data yet" not in page


def test_status__escapes_what_others_wrote(world: World) -> None:
    from evergreen.adapters.database import decisions

    with world.engine.begin() as conn:
        decisions.append(conn, world.decision("note", "1", "<script>alert(1)</script>"))
    page = page_of(world)
    assert_stands_alone(page)
    assert "&lt;script&gt;" in page


def test_status__before_the_canarys_first_session(world: World) -> None:
    import numpy as np

    state = json.loads(canary(np.random.default_rng(1), sessions=0).to_json())
    world.change_rollout(evidence=CanaryRecord(test=state))
    assert "No session has settled yet" in page_of(world)


def test_docs__stand_alone_and_name_every_path(world: World) -> None:
    page = page_of(world, "/docs")
    assert_stands_alone(page)
    for path in ("/v1/predictions/{ticker}", "/v1/rollout", "/readyz", "feature_age"):
        assert path in page


def test_docs__every_example_is_what_its_schema_promises() -> None:
    for model in (PredictionRequest, PredictionAnswer, PredictionAnswers, RolloutAnswer, Ready):
        (example,) = model.model_json_schema()["examples"]
        assert model.model_validate(example, strict=True).model_dump() == example, "none of its fields is left out"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_docs__every_line_for_a_shell_is_answered(world: World) -> None:
    with listening(world) as base:
        lines = re.findall("<code>(curl .*)</code>", html.unescape(httpx.get(f"{base}/docs").text))
        assert len(lines) == 6
        for line in lines:
            answer = subprocess.run([*shlex.split(line), "-w", "%{http_code}"], capture_output=True, text=True)
            assert answer.stdout.endswith("200") and base in line, (line, answer.stdout)


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0, 2.0], [1.0, math.nan, 3.0], [0.0, 1e12], [math.inf, 1.0]])
def test_chart__is_well_formed_and_finite_whatever_the_values(values: list[float], log: bool) -> None:
    labels = [f"day {place}" for place in range(len(values))]
    drawn = Chart("<b>", labels, [Series("a & b", values, "good")], [Level("limit", 20.0)], log).draw(400, "chart")
    xml.dom.minidom.parseString(drawn)
    assert "nan" not in drawn and "inf" not in drawn and "&lt;b&gt;" in drawn


def test_chart__higher_is_drawn_higher() -> None:
    drawn = Chart("t", ["a", "b"], [Series("x", [1.0, 100.0], "good")], log=True).draw(400, "chart")
    (_, low), (_, high) = re.findall(r"([\d.]+),([\d.]+)", drawn.split('points="')[1].split('"')[0])
    assert float(high) < float(low)


def test_status__draws_the_ladder_that_the_canary_was_given(world: World) -> None:
    ladder = Ladder((Stage("shadow", 0), Stage("canary_10", 1_000), Stage("canary_40", 4_000)))
    world.change_rollout(stage="canary_10", weight=1_000, evidence=CanaryRecord(test={}, ladder=ladder))
    page = page_of(world)
    assert '<li class="done">shadow</li>' in page and '<li class="here">10 %</li>' in page
    assert ">40 %</li>" in page and ">25 %</li>" not in page
