"""The tools as a program meets them: over the real protocol, on stdio."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from evergreen.adapters.database import decisions, reading, rollouts, trials
from evergreen.core.gate.place import FIRST
from evergreen.errors import NotFound
from evergreen.research.proposals import Workbench
from evergreen.workspace import Workspace
from tests.random_formulas import random_formula
from tests.research_home import SMALL, research_home

pytestmark = pytest.mark.slow
READS = {"status", "explain", "decisions", "data_findings", "factors", "propose_factor"}
COUNTED = {"train", "compare"}
PROPOSED = 4  # over the protocol; benchmarks/proposals.py tries 200


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return research_home(tmp_path_factory.mktemp("mcp") / "home", tickers=4, sessions=640)


def talk(at: Workspace, conversation: Callable[[Client], Awaitable[Any]]) -> Any:
    """Start `evergreen mcp` in the home, and let a client talk to it."""
    settings = {"EVERGREEN_HOME": str(at.settings.home), "EVERGREEN_CLOCK": "replay"}
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | settings
    server = StdioServerParameters(command=sys.executable, args=["-m", "evergreen", "mcp"], env=environment)

    async def talking() -> Any:
        async with Client(stdio_client(server)) as client:
            return await conversation(client)

    return asyncio.run(talking())


def answer(given: Any) -> dict[str, Any]:
    assert not given.is_error, given.content
    return dict(given.structured_content)


def test_tools__are_these_and_none_of_them_promotes(at: Workspace) -> None:
    async def ask(client: Client) -> Any:
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in talk(at, ask)}
    assert tools.keys() == READS | COUNTED
    assert {name for name, tool in tools.items() if tool.annotations.read_only_hint} == READS


def test_tools__tell_how_it_stands_and_say_in_a_sentence_what_cannot_be_told(at: Workspace) -> None:
    async def ask(client: Client) -> Any:
        calls = [
            ("status", {}),
            ("decisions", {"limit": 3}),
            ("factors", {"containing": "roc5"}),
            ("data_findings", {}),
        ]
        answers = [answer(await client.call_tool(name, arguments)) for name, arguments in calls]
        return answers, await client.call_tool("explain", {"prediction_id": "nothing"})

    (status, recorded, factors, findings), unknown = talk(at, ask)
    assert status["champion"] == "1" and any("champion   version 1" in line for line in status["lines"])
    assert [each["kind"] for each in recorded["decisions"]] == ["first_champion"]
    assert {each["name"] for each in factors["factors"]} == {"ROC5"}
    assert findings == {"held": [], "held_in_all": 0, "owed": []}
    assert unknown.is_error and "nothing" in unknown.content[0].text and "Traceback" not in unknown.content[0].text


def test_research__random_factors_are_each_counted_and_hardly_ever_claimed_better(at: Workspace) -> None:
    generator = np.random.default_rng(11)
    formulas = [random_formula(generator) for _ in range(PROPOSED)]

    async def research(client: Client) -> Any:
        verdicts = []
        for number, formula in enumerate(formulas):
            name = f"R{number}"
            proposed = answer(await client.call_tool("propose_factor", {"name": name, "formula": formula}))
            assert proposed["audit"].startswith("No look-ahead")
            run = answer(await client.call_tool("train", {"formulas": {name: formula}, "folds": SMALL["folds"]}))
            verdicts.append(answer(await client.call_tool("compare", {"run_id": run["run_id"]})))
        return verdicts, await client.call_tool("propose_factor", {"name": "LEVEL", "formula": "close"})

    before = len(counted(at))
    verdicts, level = talk(at, research)
    assert len(counted(at)) - before == len(set(formulas)) == PROPOSED
    assert [each["recipe_number"] for each in verdicts] == list(range(before + 1, before + 1 + PROPOSED))
    assert verdicts[-1]["level"] < verdicts[0]["level"] <= FIRST.level(0.05)
    claimed = sum(each["better"] for each in verdicts)
    print(f"{claimed} of {PROPOSED} random factors claimed better")
    assert claimed <= 0.05 * PROPOSED
    assert level.is_error and "later split" in level.content[0].text
    with reading(at.engine) as conn:
        assert rollouts.current(conn, "evergreen").champion == "1"
        assert {each.kind for each in decisions.recent(conn, "evergreen", 50)} == {"first_champion"}


def counted(at: Workspace) -> list[str]:
    with reading(at.engine) as conn:
        return trials.recipes(conn, "evergreen")


def test_train__another_formula_under_the_same_name_is_another_trial_and_the_same_again_is_none(at: Workspace) -> None:
    bench = Workbench(at)
    numbers = [bench.train({"SAME": formula}, SMALL).place.number for formula in ("open / close", "low / close")]
    again = bench.train({"SAME": "low / close"}, SMALL)
    assert numbers[1] == numbers[0] + 1 == again.place.number
    assert bench.compare(again.run_id).place.number == again.place.number


def test_train__before_anything_serves_is_refused(tmp_path: Path) -> None:
    from evergreen.settings import Settings

    with pytest.raises(NotFound):
        Workbench(Workspace(Settings(home=tmp_path / "empty"))).train({}, SMALL)
