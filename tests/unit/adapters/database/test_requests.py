from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from evergreen.adapters.database import reading, requests, writing
from evergreen.adapters.database.requests import RetrainRequest
from evergreen.errors import AlreadyClaimed, Conflict, NotFound

HOUR = timedelta(hours=1)


def ask(engine: Engine, now: datetime, cause: str = "drift") -> tuple[RetrainRequest, bool]:
    with writing(engine) as conn:
        return requests.request(conn, "m", cause, "d1", "2008-09-15", {"p": 0.01}, now)


def claimable(engine: Engine, now: datetime) -> list[str]:
    with reading(engine) as conn:
        return [one.id for one in requests.pending(conn, "m", now)]


def test_request__second_one_for_the_same_cause_and_data_is_the_first(engine: Engine, now: datetime) -> None:
    first, created = ask(engine, now)
    again, created_again = ask(engine, now + HOUR)
    other, created_other = ask(engine, now + HOUR, cause="skill")
    assert (created, created_again, created_other) == (True, False, True)
    assert again == first != other


def test_request__undone_with_the_finding_it_rests_on(engine: Engine, now: datetime) -> None:
    with pytest.raises(RuntimeError), writing(engine) as conn:
        requests.request(conn, "m", "drift", "d1", "2008-09-15", {}, now)
        raise RuntimeError
    assert claimable(engine, now) == []


def test_claim__holds_until_the_lease_runs_out_then_the_next_one_takes_over(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    claimed = requests.claim(engine, request.id, "a", now, HOUR)
    assert (claimed.state, claimed.claimed_by, claimed.lease_until, claimed.fence) == ("running", "a", now + HOUR, 1)
    with pytest.raises(AlreadyClaimed, match="held by a until 2008-09-15 21:00"):
        requests.claim(engine, request.id, "b", now + HOUR / 2, HOUR)
    assert claimable(engine, now) == []
    assert claimable(engine, now + HOUR) == [request.id]
    assert requests.claim(engine, request.id, "b", now + HOUR, HOUR).fence == 2


def test_claim__same_owner_started_again_goes_on_at_once(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    requests.claim(engine, request.id, "a", now, HOUR)
    assert requests.claim(engine, request.id, "a", now, HOUR).fence == 2


def test_worker_thought_dead__can_neither_renew_nor_finish(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    stale = requests.claim(engine, request.id, "a", now, HOUR)
    fresh = requests.claim(engine, request.id, "b", now + 2 * HOUR, HOUR)
    with pytest.raises(Conflict, match="running with fence 2, not 1"):
        requests.renew(engine, stale, now + 2 * HOUR, HOUR)
    with pytest.raises(Conflict, match="fence 2, not 1"):
        requests.finish(engine, stale, "done", now + 2 * HOUR, version="8")
    finished = requests.finish(engine, fresh, "done", now + 2 * HOUR, version="9", run_id="r", verdict="admitted")
    assert (finished.state, finished.version, finished.lease_until) == ("done", "9", None)
    with pytest.raises(Conflict, match="done with fence 2, not 1"):
        requests.finish(engine, stale, "failed", now + 3 * HOUR)


def test_renew__keeps_others_out(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    claimed = requests.claim(engine, request.id, "a", now, HOUR)
    assert requests.renew(engine, claimed, now + HOUR, HOUR).lease_until == now + 2 * HOUR
    assert claimable(engine, now + HOUR) == []


def test_finish__may_be_said_twice_but_not_taken_back(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    claimed = requests.claim(engine, request.id, "a", now, HOUR)
    finished = requests.finish(engine, claimed, "done", now, version="9")
    assert requests.finish(engine, claimed, "done", now + HOUR, version="9") == finished
    for state, version in (("failed", "9"), ("done", "10")):
        with pytest.raises(Conflict):
            requests.finish(engine, claimed, state, now, version=version)
    with pytest.raises(AlreadyClaimed, match="is done already"):
        requests.claim(engine, request.id, "a", now, HOUR)
    assert ask(engine, now) == (finished, False)


def test_claim__of_twelve_at_once_exactly_one_succeeds(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    won, refused = [], []

    def tries(owner: str) -> None:
        try:
            won.append(requests.claim(engine, request.id, owner, now, HOUR))
        except AlreadyClaimed:
            refused.append(owner)

    threads = [threading.Thread(target=tries, args=(str(n),)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(refused)) == (1, 11)


def test_read__unknown_request_is_named(engine: Engine, now: datetime) -> None:
    with reading(engine) as conn, pytest.raises(NotFound, match="no retrain request 'x'"):
        requests.read(conn, "x")
    with pytest.raises(NotFound):
        requests.claim(engine, "x", "a", now, HOUR)


def test_recent__newest_first(engine: Engine, now: datetime) -> None:
    first, second = ask(engine, now)[0], ask(engine, now + HOUR, cause="skill")[0]
    with reading(engine) as conn:
        assert requests.recent(conn, "m") == [second, first]
        assert requests.recent(conn, "other") == []
