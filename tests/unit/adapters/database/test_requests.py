from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from evergreen.adapters.database import leases, reading, requests, writing
from evergreen.adapters.database.leases import CLAIMS
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


def test_request__of_twelve_at_once_exactly_one_is_made(engine: Engine, now: datetime) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda number: ask(engine, now + number * HOUR), range(12)))
    assert sum(created for _, created in answers) == 1 and len({request.id for request, _ in answers}) == 1


def test_request__undone_with_the_finding_it_rests_on(engine: Engine, now: datetime) -> None:
    with pytest.raises(RuntimeError), writing(engine) as conn:
        requests.request(conn, "m", "drift", "d1", "2008-09-15", {}, now)
        raise RuntimeError
    assert claimable(engine, now) == []


def test_claim__holds_until_the_lease_runs_out_then_the_next_one_takes_over(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    claimed = leases.claim(engine, request.id, "a", now, HOUR)
    assert (claimed.state, claimed.claimed_by, claimed.lease_until, claimed.fence) == ("running", "a", now + HOUR, 1)
    with pytest.raises(AlreadyClaimed, match="held by a until 2008-09-15 21:00"):
        leases.claim(engine, request.id, "b", now + HOUR / 2, HOUR)
    assert claimable(engine, now) == []
    assert claimable(engine, now + HOUR) == [request.id]
    assert leases.claim(engine, request.id, "b", now + HOUR, HOUR).fence == 2


def test_claim__same_owner_started_again_goes_on_at_once(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    leases.claim(engine, request.id, "a", now, HOUR)
    assert leases.claim(engine, request.id, "a", now, HOUR).fence == 2


def test_worker_thought_dead__can_neither_renew_nor_finish(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    stale = leases.claim(engine, request.id, "a", now, HOUR)
    fresh = leases.claim(engine, request.id, "b", now + 2 * HOUR, HOUR)
    with pytest.raises(Conflict, match="running with fence 2, not 1"):
        leases.renew(engine, stale, now + 2 * HOUR, HOUR)
    with pytest.raises(Conflict, match="fence 2, not 1"):
        leases.finish(engine, stale, "done", now + 2 * HOUR, version="8")
    finished = leases.finish(engine, fresh, "done", now + 2 * HOUR, version="9", run_id="r", verdict="admitted")
    assert (finished.state, finished.version, finished.lease_until) == ("done", "9", None)
    with pytest.raises(Conflict, match="done with fence 2, not 1"):
        leases.finish(engine, stale, "failed", now + 3 * HOUR)


def test_renew__keeps_others_out(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    claimed = leases.claim(engine, request.id, "a", now, HOUR)
    assert leases.renew(engine, claimed, now + HOUR, HOUR).lease_until == now + 2 * HOUR
    assert claimable(engine, now + HOUR) == []


def test_finish__may_be_said_twice_but_not_taken_back(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    claimed = leases.claim(engine, request.id, "a", now, HOUR)
    finished = leases.finish(engine, claimed, "done", now, version="9")
    assert leases.finish(engine, claimed, "done", now + HOUR, version="9") == finished
    for state, version in (("failed", "9"), ("done", "10")):
        with pytest.raises(Conflict):
            leases.finish(engine, claimed, state, now, version=version)
    with pytest.raises(AlreadyClaimed, match="is done already"):
        leases.claim(engine, request.id, "a", now, HOUR)
    assert ask(engine, now) == (finished, False)


def test_claim__of_twelve_at_once_exactly_one_succeeds(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    won, refused = [], []

    def tries(owner: str) -> None:
        try:
            won.append(leases.claim(engine, request.id, owner, now, HOUR))
        except AlreadyClaimed:
            refused.append(owner)

    threads = [threading.Thread(target=tries, args=(str(n),)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(refused)) == (1, 11)


def test_release__the_last_of_eight_claims_ends_the_request(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    for claim in range(CLAIMS):
        assert claimable(engine, now) == [request.id], "every claim before counts, and leaves it open"
        claimed = leases.claim(engine, request.id, f"worker {claim}", now, HOUR)
        released = leases.release(engine, claimed, now)
    assert (released.state, released.finished_at) == ("failed", now)
    assert "8 workers ended before it was finished" in str(released.verdict)
    assert claimable(engine, now) == []


def test_claim__after_eight_that_ran_out_none_is_left(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    for hour in range(CLAIMS):
        leases.claim(engine, request.id, f"worker {hour}", now + hour * HOUR, HOUR)
    with pytest.raises(AlreadyClaimed, match="8 workers ended before it was finished"):
        leases.claim(engine, request.id, "worker 9", now + CLAIMS * HOUR, HOUR)


def failed(engine: Engine, request: RetrainRequest, now: datetime) -> RetrainRequest:
    claimed = leases.claim(engine, request.id, "a", now, HOUR)
    return leases.finish(engine, claimed, "failed", now, verdict="The disk was full.")


def test_request__a_failed_one_is_asked_for_again_as_an_attempt_with_its_history(engine: Engine, now: datetime) -> None:
    first = failed(engine, ask(engine, now)[0], now)
    assert ask(engine, now) == (first, False), "a finding made again asks only once"
    with writing(engine) as conn:
        second, created = requests.request(conn, "m", "drift", "d1", "2008-09-15", {"p": 0.01}, now, again=True)
        same, created_again = requests.request(conn, "m", "drift", "d1", "2008-09-15", {}, now, again=True)
    assert created and second.state == "pending" and second.fence == 0
    assert (same, created_again) == (second, False), "an open attempt is not asked for again"
    assert second.evidence == {"p": 0.01, "attempt": 2, "after": first.id}
    failed(engine, second, now)
    with writing(engine) as conn:
        third, _ = requests.request(conn, "m", "drift", "d1", "2008-09-15", {}, now, again=True)
        tried = requests.attempts(conn, "m", "drift", "d1")
    assert [each.id for each in tried] == [first.id, second.id, third.id]
    assert [each.verdict for each in tried] == ["The disk was full.", "The disk was full.", None]


def test_close__ends_a_request_and_fences_off_whoever_works_on_it(engine: Engine, now: datetime) -> None:
    request, _ = ask(engine, now)
    claimed = leases.claim(engine, request.id, "a", now, HOUR)
    with writing(engine) as conn:
        assert requests.unfinished(conn, "m") == [claimed]
        closed = leases.close(conn, request.id, "dropped by anna", now)
        assert requests.unfinished(conn, "m") == []
    assert (closed.state, closed.verdict, closed.finished_at) == ("failed", "dropped by anna", now)
    with pytest.raises(Conflict):
        leases.renew(engine, claimed, now, HOUR)
    with pytest.raises(Conflict):
        leases.finish(engine, claimed, "done", now)
    with writing(engine) as conn, pytest.raises(AlreadyClaimed, match="is failed already"):
        leases.close(conn, request.id, "again", now)


def test_read__unknown_request_is_named(engine: Engine, now: datetime) -> None:
    with reading(engine) as conn, pytest.raises(NotFound, match="no retrain request 'x'"):
        requests.read(conn, "x")
    with pytest.raises(NotFound):
        leases.claim(engine, "x", "a", now, HOUR)


def test_recent__newest_first(engine: Engine, now: datetime) -> None:
    first, second = ask(engine, now)[0], ask(engine, now + HOUR, cause="skill")[0]
    with reading(engine) as conn:
        assert requests.recent(conn, "m") == [second, first]
        assert requests.recent(conn, "other") == []
