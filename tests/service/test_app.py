from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import httpx
import pandas as pd
import pytest

from evergreen.adapters.database import owed, predictions, reading, writing
from evergreen.adapters.database.owed import OwedBar
from evergreen.core.canary.assignment import arm
from evergreen.errors import Unavailable
from evergreen.settings import MarketSettings
from tests.service.running import Client, ask, running, until, until_served, with_service
from tests.service.world import NOW, SESSION, TICKERS, World, ready_world

TRACE = re.compile(r"Traceback|File \"|\.py\b")


def test_get__every_answer_is_on_record(world: World) -> None:
    async def act(client: Client) -> list[dict[str, object]]:
        answers = await asyncio.gather(*(ask(client, f"client {n}", TICKERS[n % 4]) for n in range(60)))
        return [answer.json() for answer in answers]

    answers = with_service(world, act)
    with reading(world.engine) as conn:
        assert predictions.count(conn) == 60
        for answer in answers:
            assert predictions.find(conn, str(answer["id"])).price == answer["price"]


def test_get__a_client_keeps_its_arm_and_it_can_be_recomputed(world: World) -> None:
    async def act(client: Client) -> None:
        for name in [f"client {n}" for n in range(30)]:
            arms = {(await ask(client, name, ticker)).json()["arm"] for ticker in TICKERS}
            assert arms == {arm("salt", name, 5_000)}

    with_service(world, act)


def test_get__a_ramp_never_moves_a_client_back(world: World) -> None:
    names = [f"client {n}" for n in range(40)]

    async def models(client: Client) -> dict[str, str]:
        answers = await asyncio.gather(*(ask(client, name) for name in names))
        return {name: answer.json()["model"] for name, answer in zip(names, answers, strict=True)}

    async def act(client: Client) -> None:
        moved: set[str] = set()
        for version, weight in enumerate((500, 2_500, 5_000), start=2):
            world.change_rollout(weight=weight)
            await until(client, "/v1/rollout", lambda answer, v=version: answer.json()["version"] == v)
            on_canary = {name for name, model in (await models(client)).items() if model == "2"}
            assert moved <= on_canary
            moved = on_canary
        assert 5 < len(moved) < 35

    with_service(world, act)


def test_get__in_shadow_both_score_and_the_champion_answers(tmp_path: Path) -> None:
    world = ready_world(tmp_path, weight=0)
    answers = with_service(world, lambda client: asyncio.gather(*(ask(client, f"{n}") for n in range(20))))
    assert {answer.json()["model"] for answer in answers} == {"1"}
    with reading(world.engine) as conn:
        row = predictions.find(conn, answers[0].json()["id"])
    assert row.challenger_version == "2" and row.challenger_raw is not None


def test_get__without_a_client_it_is_anonymous(world: World) -> None:
    answer = with_service(world, lambda client: client.get("/v1/predictions/AAPL")).json()
    with reading(world.engine) as conn:
        assert predictions.find(conn, answer["id"]).client == "anonymous"


def test_post__many_tickers_in_the_order_asked_each_once(world: World) -> None:
    body = {"tickers": ["MSFT", "AAPL", "MSFT"]}
    answer = with_service(world, lambda client: client.post("/v1/predictions", json=body))
    assert [each["ticker"] for each in answer.json()["predictions"]] == ["MSFT", "AAPL"]


BAD = {
    "wrong type": b'{"tickers": "AAPL"}',
    "number": b'{"tickers": [1e308]}',
    "empty list": b'{"tickers": []}',
    "too many": json.dumps({"tickers": ["A"] * 1_001}).encode(),
    "long name": json.dumps({"tickers": ["A" * 33]}).encode(),
    "extra field": b'{"tickers": ["AAPL"], "price": 1}',
    "extra field of lone surrogates": b'{"tickers": ["AAPL"], "\\ud800": 1}',
    "lone surrogate": b'{"tickers": ["\\ud800"]}',
    "not JSON": b"tickers=AAPL",
    "not UTF-8": b'{"tickers": ["\xff"]}',
    "infinity": b'{"tickers": [Infinity]}',
    "no body": b"",
    "null": b"null",
    "deep": b"[" * 60_000,
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_post__bad_input_is_one_sentence_without_a_trace(world: World, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = with_service(world, lambda client: client.post("/v1/predictions", content=body, headers=headers))
    assert 400 <= answer.status_code < 500
    assert set(answer.json()) == {"error", "hint"} and not TRACE.search(answer.text)


@pytest.mark.parametrize("declared", [True, False])
def test_post__a_huge_body_is_refused_unread(world: World, declared: bool) -> None:
    async def chunks() -> object:
        for _ in range(1_000):
            yield b"x" * 10_000

    content = b"x" * 10_000_000 if declared else chunks()
    headers = {"content-type": "application/json"}
    answer = with_service(world, lambda client: client.post("/v1/predictions", content=content, headers=headers))
    assert answer.status_code == 413 and "65536" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/predictions/ZZZ", 404), ("/v1/predictions/" + "A" * 40, 422), ("/v1/predictions/%00", 404),
     ("/v1/predictions/%F0%9F%93%88", 404), ("/nowhere", 404), ("/v1/predictions", 405)],
)  # fmt: skip
def test_get__unknown_things_are_named(world: World, path: str, status: int) -> None:
    answer = with_service(world, lambda client: client.get(path))
    assert answer.status_code == status and answer.json()["error"]
    assert ("POST" in answer.headers.get("allow", "")) == (status == 405)


def test_get__an_endless_client_id_is_refused_and_an_odd_one_is_kept(world: World) -> None:
    async def act(client: Client) -> None:
        assert (await ask(client, "x" * 200)).status_code == 422
        odd = b"caf\xe9 \xff"
        answer = await client.get("/v1/predictions/AAPL", headers={b"X-Client-Id": odd})
        assert answer.status_code == 200
        with reading(world.engine) as conn:
            assert predictions.find(conn, answer.json()["id"]).client == odd.decode("latin-1")

    with_service(world, act)


def test_readyz__says_what_is_missing_before_there_is_anything(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def act(client: Client) -> None:
        assert (await client.get("/healthz")).json() == {"alive": True}
        for path in ("/readyz", "/v1/rollout", "/v1/predictions/AAPL"):
            answer = await client.get(path)
            assert answer.status_code == 503 and "evergreen status" in answer.json()["hint"]
        assert "Nobody serves yet" in (await client.get("/")).text
        world.add_model("1", seed=1)
        world.start_rollout("1")
        world.materialize()
        world.process()
        await until(client, "/readyz", lambda answer: answer.status_code == 200)

    with_service(world, act, wait=False)


def test_app__answers_the_first_request_it_takes(world: World) -> None:
    answer = with_service(world, ask, wait=False)
    assert answer.status_code == 200, "a worker that replaces a dead one is there once it can answer"


def test_answers__say_which_session_they_are_for(world: World) -> None:
    one = with_service(world, ask).json()
    assert (one["as_of"], one["horizon"], one["target_session"]) == ("2008-09-12", 1, "2008-09-15"), "over a weekend"
    body = {"tickers": ["MSFT", "AAPL"]}
    many = with_service(world, lambda client: client.post("/v1/predictions", json=body)).json()
    assert [each["target_session"] for each in many["predictions"]] == ["2008-09-15"] * 2


def test_get__stale_features_are_said(world: World) -> None:
    world.process(SESSION + pd.Timedelta(days=6))
    answer = with_service(world, lambda client: ask(client)).json()
    assert (answer["feature_age"], answer["stale"], answer["as_of"]) == (4, True, "2008-09-12")
    fresh = ready_world(world.settings.home / "other")
    answer = with_service(fresh, lambda client: ask(client)).json()
    assert (answer["feature_age"], answer["stale"]) == (0, False)


def test_get__a_log_that_cannot_be_written_is_503_and_no_number(world: World) -> None:
    def full(_: object) -> None:
        raise Unavailable("The disk is full.", "Free some space.")

    world.store.write = full
    answer = with_service(world, ask)
    assert answer.status_code == 503
    assert answer.json() == {"error": "The disk is full.", "hint": "Free some space."}


def test_get__a_bug_is_500_without_a_trace(world: World) -> None:
    def bug(_: object) -> None:
        raise ZeroDivisionError("secret detail")

    world.store.write = bug
    answer = with_service(world, ask)
    assert answer.status_code == 500
    assert "secret" not in answer.text and not TRACE.search(answer.text)


def test_swap__under_load_no_request_fails_and_each_names_one_rollout(world: World) -> None:
    seats = {("1", 1), ("2", 1)}

    async def change(client: Client) -> None:
        for version in range(2, 22):
            champion, challenger = ("2", "1") if version % 2 == 0 else ("1", "2")
            await asyncio.to_thread(world.change_rollout, champion=champion, challenger=challenger)
            seats.update({("1", version), ("2", version)})
            await until_served(client, version)

    async def load(client: Client, name: str, changing: asyncio.Future[None]) -> list[httpx.Response]:
        answers = []
        while not changing.done():
            answers.append(await ask(client, name))
        return answers

    async def act(client: Client) -> list[list[httpx.Response]]:
        changing = asyncio.ensure_future(change(client))
        return await asyncio.gather(*(load(client, f"client {n}", changing) for n in range(6)))

    by_client = with_service(world, act)
    for answers in by_client:
        assert {answer.status_code for answer in answers} == {200}
        served = [(answer.json()["model"], answer.json()["rollout_version"]) for answer in answers]
        assert set(served) <= seats
        versions = [version for _, version in served]
        assert versions == sorted(versions), "a client never goes back to an older rollout"
        assert len(set(served)) == len(set(versions)), "within one rollout a client keeps its model"
    assert len({answer.json()["rollout_version"] for answers in by_client for answer in answers}) > 3


def test_metrics__count_answers_by_arm_and_version(world: World) -> None:
    async def act(client: Client) -> str:
        await asyncio.gather(*(ask(client, f"client {n}") for n in range(30)))
        await client.get("/v1/predictions/ZZZ")
        return (await client.get("/metrics")).text

    text = with_service(world, act)
    counts = re.findall(r'evergreen_predictions_total\{arm="(\w+)",version="(\d)"\} (\d+)', text)
    assert {(arm, version) for arm, version, _ in counts} == {("champion", "1"), ("challenger", "2")}
    assert sum(int(float(count)) for *_, count in counts) == 30
    assert 'evergreen_request_seconds_count{route="/v1/predictions/{ticker}",status="404"} 1.0' in text
    assert "evergreen_snapshot_age_seconds" in text and "evergreen_rollout_version 1.0" in text


def test_openapi__describes_the_answers_and_the_problems(world: World) -> None:
    schema = with_service(world, lambda client: client.get("/openapi.json")).json()
    call = schema["paths"]["/v1/predictions/{ticker}"]["get"]
    assert set(call["responses"]) == {"200", "401", "403", "404", "421", "422", "429", "503"}
    assert "HTTPValidationError" not in schema["components"]["schemas"]


def test_app__starts_and_stops_twice_over_the_same_places(world: World) -> None:
    async def twice() -> list[int]:
        codes = []
        for _ in range(2):
            async with running(world) as client:
                codes.append((await ask(client)).status_code)
        return codes

    assert asyncio.run(twice()) == [200, 200]


def test_readyz__tells_of_a_database_held_by_another_writer_without_any_traffic(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evergreen.adapters.database import writing
    from evergreen.service import log

    monkeypatch.setattr(log, "FRESH", 0.0)
    monkeypatch.setattr(log.GroupCommit.__init__, "__defaults__", (log.CAPACITY, log.BATCH, log.LINGER, 0.2))

    async def act(client: Client) -> None:
        assert (await client.get("/readyz")).status_code == 200
        with writing(world.engine):
            refused = await client.get("/readyz")
            assert refused.status_code == 503 and "another program holds it" in refused.text
            assert (await client.get("/healthz")).status_code == 200
        await until(client, "/readyz", lambda answer: answer.status_code == 200)

    with_service(world, act)


def test_post__names_without_an_answer_say_why_and_the_others_are_answered(tmp_path: Path) -> None:
    listings = tmp_path / "listings.csv"
    listings.write_text("ticker,from,to,renamed_to\nAPTV,2017-12-05,,\nIBM,,2008-09-11,IBMX\nIBMX,2008-09-12,,\n")
    world = ready_world(tmp_path / "home", market=MarketSettings(listings=str(listings)))
    body = {"tickers": ["MSFT", "APTV", "IBM", "ZZZ"]}
    answer = with_service(world, lambda client: client.post("/v1/predictions", json=body))
    assert answer.status_code == 200 and [each["ticker"] for each in answer.json()["predictions"]] == ["MSFT"]
    assert {each["ticker"]: each["error"] for each in answer.json()["unanswered"]} == {
        "APTV": "APTV is listed from 2017-12-05 on.",
        "IBM": "IBM was renamed to IBMX after 2008-09-11.",
        "ZZZ": "No features are served for 'ZZZ'.",
    }
    alone = with_service(world, lambda client: ask(client, ticker="IBM"))
    assert alone.status_code == 404 and "renamed to IBMX" in alone.json()["error"]


def test_post__of_names_that_all_lack_an_answer_still_says_why(world: World) -> None:
    answer = with_service(world, lambda client: client.post("/v1/predictions", json={"tickers": ["ZZZ"]}))
    assert answer.status_code == 200 and answer.json()["predictions"] == []
    assert [each["ticker"] for each in answer.json()["unanswered"]] == ["ZZZ"]


def test_metrics__and_the_page_count_what_is_owed(world: World) -> None:
    with writing(world.engine) as conn:
        owed.keep(conn, [OwedBar(ticker="IBM", session="2008-09-12", source="files:x", since=NOW)])

    async def act(client: Client) -> tuple[str, str]:
        await until(client, "/metrics", lambda answer: "evergreen_owed_bars 1.0" in answer.text)
        return (await client.get("/metrics")).text, (await client.get("/")).text

    metrics, page = with_service(world, act)
    assert "evergreen_owed_bars 1.0" in metrics and "1 bar of 2008-09-12 owed: IBM" in page
