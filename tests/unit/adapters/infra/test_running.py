from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evergreen.adapters.infra.prefect_api import PrefectApi, failure_on, running_on
from evergreen.adapters.infra.running import Running, how_sessions_come, missing

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def backfill(last_took: float | None = None) -> Running:
    return Running("backfill", "brave-owl", NOON, "ingest_bars", timedelta(seconds=last_took) if last_took else None)


@pytest.mark.parametrize(
    ("last_took", "elapsed", "line"),
    [
        (None, 5, "backfill (ingest_bars) for 5 s"),
        (200, 72, "backfill (ingest_bars) for 1 min 12 s, about 2 min 8 s left: the last one took 3 min 20 s"),
        (60, 3_600, "backfill (ingest_bars) for 60 min, longer than the last one's 1 min 0 s"),
    ],
)
def test_line__says_how_much_is_left_by_the_last_runs_measure(last_took: float | None, elapsed: int, line: str) -> None:
    assert backfill(last_took).line(NOON + timedelta(seconds=elapsed)) == line


@pytest.mark.parametrize(
    ("session", "champion", "flows", "sentence"),
    [
        (None, None, [], "no data yet: type `evergreen backfill`"),
        (None, None, ["backfill"], "no data yet: backfill is under way"),
        (None, None, ["retrain"], "no data yet: type `evergreen backfill`"),
        ("2026-11-25", None, [], "no champion yet: nobody asked for its training, type `evergreen backfill`"),
        ("2026-11-25", None, ["retrain"], "no champion yet: retrain is under way"),
        ("2026-11-25", "2", [], ""),
    ],
)
def test_missing__never_tells_a_person_to_start_what_runs(
    session: str | None, champion: str | None, flows: list[str], sentence: str
) -> None:
    assert missing(session, champion, [Running(flow, flow, NOON) for flow in flows]) == sentence


@pytest.mark.parametrize(
    ("flows", "owed", "sentence"),
    [
        ([], "", "type `evergreen daily`"),
        (["retrain"], "", "retrain is under way"),
        (["retrain", "daily"], "", "daily is under way"),
        (["daily"], "90 bars owed", "daily is under way"),
        (["retrain"], "90 bars owed", "newer bars have not come"),
    ],
)
def test_how_sessions_come__names_what_runs_and_what_is_awaited_before_what_to_type(
    flows: list[str], owed: str, sentence: str
) -> None:
    assert how_sessions_come([Running(flow, flow, NOON) for flow in flows], owed) == sentence


@contextmanager
def prefect(answers: dict[str, list[Any]]) -> Iterator[str]:
    """A server that gives each path's answers in order, the last one for ever."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            known = answers[self.path]
            body = json.dumps(known.pop(0) if len(known) > 1 else known[0]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        server.server_close()


def test_running_on__gives_flow_task_and_what_the_last_one_took() -> None:
    run = {"id": "a", "name": "brave-owl", "flow_id": "f", "start_time": "2026-11-25T12:00:00Z"}
    answers = {
        "/api/flow_runs/filter": [[], [run], [{"total_run_time": 200.0}]],
        "/api/flows/f": [{"name": "backfill"}],
        "/api/task_runs/filter": [[{"name": "ingest_bars-0"}]],
    }
    with prefect(answers) as url:
        assert running_on(PrefectApi(url)) == [replace(backfill(200), id="a")]


def test_running_on__names_what_waits_to_begin_once_a_flow() -> None:
    missed = [
        {"id": name, "name": name, "flow_id": "f", "start_time": None, "expected_start_time": f"2026-11-25T{hour}:00Z"}
        for name, hour in (("first", "12:00"), ("second", "12:30"))
    ]
    answers = {
        "/api/flow_runs/filter": [missed, [], []],
        "/api/flows/f": [{"name": "backfill"}],
        "/api/task_runs/filter": [[]],
    }
    with prefect(answers) as url:
        waiting = running_on(PrefectApi(url))
    assert waiting == [Running("backfill", "first", NOON, id="first", waits=True)]
    assert waiting[0].line(NOON + timedelta(seconds=9)) == "backfill waits to begin, due 9 s ago"
    assert missing(None, None, waiting) == "no data yet: backfill waits to begin"


@pytest.mark.parametrize(
    ("state", "failure"),
    [
        (
            ("FAILED", "Task run encountered an exception NoBars: /b holds no bars. Put files there."),
            "/b holds no bars. Put files there.",
        ),
        (("FAILED", "Flow run encountered an exception: NoBars: /b holds no bars."), "/b holds no bars."),
        (
            ("CRASHED", "Its worker was gone when the stack came up again."),
            "Its worker was gone when the stack came up again.",
        ),
        (("CRASHED", None), "it gave no reason."),
        (("COMPLETED", None), ""),
    ],
)
def test_failure_on__is_why_the_last_backfill_failed_and_what_is_missing_names_it(
    state: tuple[str, str | None], failure: str
) -> None:
    ended = {"state": dict(zip(("type", "message"), state, strict=True))}
    with prefect({"/api/flow_runs/filter": [[ended]]}) as url:
        assert failure_on(PrefectApi(url)) == failure
    again = f"the last backfill failed: {failure} Then type `evergreen backfill` again"
    advice = again if failure else "type `evergreen backfill`"
    assert missing(None, None, [], "", failure) == f"no data yet: {advice}"
    assert missing(None, None, [backfill()], "", failure) == "no data yet: backfill is under way"


def test_missing__a_lost_database_is_said_unless_something_brings_the_data() -> None:
    lost = "it has no record of the bars"
    assert missing(None, None, [], lost=lost) == lost
    assert missing(None, None, [backfill()], lost=lost) == "no data yet: backfill is under way"
    assert "no route" in missing(None, None, [], failure="no route.", lost=lost)
    assert missing("2008-07-07", "2", [], lost=lost) == ""


def test_failure_on__nothing_ended_and_nobody_there_say_nothing() -> None:
    with prefect({"/api/flow_runs/filter": [[]]}) as url:
        assert failure_on(PrefectApi(url)) == ""
    assert failure_on(PrefectApi("http://127.0.0.1:9/api", hurried=True)) == ""


def test_running_on__a_server_that_is_not_there_runs_nothing() -> None:
    assert running_on(PrefectApi("http://127.0.0.1:9/api", hurried=True)) == []
