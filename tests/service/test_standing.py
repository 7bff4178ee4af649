"""Who serves, how well and how fresh: said alike by the page, `status` and `doctor`."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import httpx
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import update

from evergreen.adapters.database.schema import model_version
from evergreen.ops.doctor import examine
from evergreen.ops.status import lines, read_status
from evergreen.service.forecasts import todays_forecasts
from evergreen.service.state import Snapshot
from tests.service.running import Client, listening, with_service
from tests.service.story import tell
from tests.service.world import SESSION, TICKERS, World, ready_world
from tests.unit.adapters.infra.test_running import prefect

WALK = "version 1 (the random walk): no trained model serves"


def status_page(world: World) -> str:
    async def act(client: Client) -> str:
        return (await client.get("/")).text.replace("\u00a0", " ")

    return with_service(world, act)


def forecast_rows(page: str) -> list[list[str]]:
    """Each row of the table of forecasts, as texts."""
    body = page.partition('<table class="numbers')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    cells = [re.findall("<td.*?</td>", row) for row in re.findall("<tr>(.*?)</tr>", body, re.DOTALL)]
    return [[re.sub("<.*?>", "", cell) for cell in row] for row in cells]


def snapshot_of(world: World) -> Snapshot:
    async def act(client: Client) -> Snapshot:
        return client.app.state.service.keeper.snapshot

    return with_service(world, act)


def test_forecasts__each_arm_has_its_own_row_with_interval_and_past_hit_rate(world: World) -> None:
    tell(world)
    page = status_page(world)
    assert ">arm</button>" in page
    rows = forecast_rows(page)
    assert [row[1] for row in rows] == ["champion", "challenger"] * len(TICKERS)
    assert [row[0] for row in rows[::2]] == [row[0] for row in rows[1::2]], "a ticker's arms stand together"
    champions, challengers = rows[::2], rows[1::2]
    for column in (3, 4, 5, 7):  # price, interval, return, sign right
        assert [row[column] for row in champions] != [row[column] for row in challengers]
    assert all(re.fullmatch(r"\d+ % of 50", row[7]) for row in rows)


def test_forecasts__are_highest_first_and_without_a_challenger_say_so_of_the_column(world: World) -> None:
    alone = ready_world(world.settings.home / "alone", challenger=False, weight=0)
    page = status_page(alone)
    rows = forecast_rows(page)
    assert [row[1] for row in rows] == ["champion"] * len(TICKERS)
    returns = [float(row[5].removesuffix(" %")) for row in rows]
    assert returns == sorted(returns, reverse=True) and 'aria-sort="descending"' in page
    assert "aria-sort=" not in status_page(world).partition("<thead>")[2], "pairs of arms are in no column's order"


def test_forecasts__one_that_was_not_delivered_stands_last_and_says_none(world: World) -> None:
    snapshot = snapshot_of(world)
    snapshot.tables["1"].values[0] = np.nan
    rows = todays_forecasts(snapshot, {})
    assert [row.ticker for row in rows][-2:] == [TICKERS[0]] * 2 and np.isnan(rows[-2].forecast)


def test_random_walk__is_never_shown_as_a_model(world: World) -> None:
    walk = ready_world(world.settings.home / "walk", challenger=False, weight=0)
    with walk.engine.begin() as conn:
        conn.execute(update(model_version).where(model_version.c.version == "1").values(kind="random_walk"))
    assert f"champion   {WALK}" in list(lines(read_status(walk.settings)))
    page = status_page(walk)
    assert "<h1>Version 1 (the random walk) serves everyone</h1>" in page and "No trained model serves." in page
    with listening(walk) as base:
        at_port = walk.settings.model_copy(update={"service_port": httpx.URL(base).port})
        service = {check.name: check for check in examine(at_port)}["service"]
    assert service.sound and service.sentence.endswith(f"champion: {WALK}")


def test_trained_model__is_called_by_its_number_alone(world: World) -> None:
    assert "champion   version 1" in list(lines(read_status(world.settings)))
    assert "(the random walk)" not in status_page(world).partition("</h1>")[0]


@pytest.mark.parametrize(
    ("flow", "advice", "alarm"),
    [
        ("daily", "daily is under way", ""),
        ("retrain", "retrain is under way", ""),
        (None, "type `evergreen daily`", " alarm"),
    ],
)
def test_stale_features__name_the_run_under_way_before_anything_to_type(
    world: World, monkeypatch: pytest.MonkeyPatch, flow: str | None, advice: str, alarm: str
) -> None:
    world.process(SESSION + pd.offsets.BDay(10))
    started = datetime.now(UTC).isoformat()
    runs = [{"id": "a", "name": "brave-owl", "flow_id": "f", "start_time": started}] if flow else []
    answers = {
        "/api/flow_runs/filter": [[], runs, []],
        "/api/flows/f": [{"name": flow}],
        "/api/task_runs/filter": [[]],
    }
    with prefect(answers) as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        page = status_page(world)
    assert re.search(rf'<section class="card{alarm}"><b>Stale features.</b> .*: {advice}\.</section>', page)
