from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from evergreen.errors import Conflict, Unavailable
from evergreen.service import log
from evergreen.service.log import GroupCommit


def test_ask__waits_for_its_batch_and_gets_its_own_answer() -> None:
    batches: list[list[int]] = []

    def settle(questions: Sequence[int]) -> list[int]:
        batches.append(list(questions))
        return [question * 10 for question in questions]

    async def live() -> list[int]:
        commits = GroupCommit(settle)
        commits.start()
        answers = await asyncio.gather(*(commits.ask(number) for number in range(50)))
        await commits.close()
        return answers

    assert asyncio.run(live()) == [number * 10 for number in range(50)]
    assert [each for batch in batches for each in batch] == list(range(50))
    assert len(batches) < 50, "questions that wait together are settled together"


def test_ask__nobody_is_answered_before_the_batch_is_settled() -> None:
    durable = threading.Event()

    async def live() -> None:
        commits: GroupCommit[int, int] = GroupCommit(lambda questions: [durable.wait() and 1 for _ in questions])
        commits.start()
        waiting = asyncio.ensure_future(commits.ask(1))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        durable.set()
        assert await waiting == 1
        await commits.close()

    asyncio.run(live())


def test_ask__a_failed_batch_fails_all_its_questions_and_the_next_one_works() -> None:
    def settle(questions: Sequence[str]) -> list[str]:
        if "bad" in questions:
            raise Unavailable("The disk is full.")
        return list(questions)

    async def live() -> None:
        commits = GroupCommit(settle)
        commits.start()
        failed = await asyncio.gather(commits.ask("bad"), commits.ask("good"), return_exceptions=True)
        assert [type(each) for each in failed] == [Unavailable, Unavailable]
        assert await commits.ask("good") == "good"
        await commits.close()

    asyncio.run(live())


def test_ask__one_question_may_fail_alone() -> None:
    async def live() -> list[object]:
        commits = GroupCommit(lambda questions: [Conflict("no") if each == 2 else each for each in questions])
        commits.start()
        answers = await asyncio.gather(*(commits.ask(each) for each in (1, 2, 3)), return_exceptions=True)
        await commits.close()
        return [answer if isinstance(answer, int) else type(answer) for answer in answers]

    assert asyncio.run(live()) == [1, Conflict, 3]


def test_ask__refuses_at_once_when_too_many_wait() -> None:
    async def live() -> None:
        commits = GroupCommit(list, capacity=3)  # not started: everybody waits
        waiting = [asyncio.ensure_future(commits.ask(number)) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="already wait"):
            await commits.ask(4)
        commits.start()
        assert await asyncio.gather(*waiting) == [0, 1, 2]
        await commits.close()

    asyncio.run(live())


def test_close__answers_those_who_wait_and_refuses_newcomers() -> None:
    async def live() -> None:
        commits = GroupCommit(list, batch=2)
        waiting = [asyncio.ensure_future(commits.ask(number)) for number in range(5)]
        await asyncio.sleep(0)
        commits.start()
        await commits.close()
        assert await asyncio.gather(*waiting) == [0, 1, 2, 3, 4]
        with pytest.raises(Unavailable, match="stopping"):
            await commits.ask(6)

    asyncio.run(live())


def test_ask__a_client_that_went_away_hurts_nobody() -> None:
    async def live() -> None:
        commits = GroupCommit(list)
        gone, stays = asyncio.ensure_future(commits.ask(1)), asyncio.ensure_future(commits.ask(2))
        await asyncio.sleep(0)
        gone.cancel()
        commits.start()
        assert await stays == 2
        await commits.close()

    asyncio.run(live())


def test_ask__clients_that_ask_again_at_once_share_their_commits() -> None:
    sizes: list[int] = []

    def settle(questions: Sequence[int]) -> list[int]:
        sizes.append(len(questions))
        return list(questions)

    async def client(commits: GroupCommit[int, int]) -> None:
        for turn in range(30):
            assert await commits.ask(turn) == turn

    async def live() -> None:
        commits = GroupCommit(settle, linger=0.2)
        commits.start()
        await asyncio.gather(*(client(commits) for _ in range(8)))
        await commits.close()

    asyncio.run(live())
    assert sizes.count(8) >= 28, "not two groups that take turns"


def test_ask__a_lone_client_never_waits_for_company() -> None:
    async def live() -> None:
        commits = GroupCommit(list, linger=60)
        commits.start()
        for turn in range(20):
            assert await commits.ask(turn) == turn
        await commits.close()

    asyncio.run(live())


def test_close__does_not_wait_for_company() -> None:
    async def live() -> None:
        commits = GroupCommit(list, linger=60)
        commits.start()
        assert await asyncio.gather(commits.ask(1), commits.ask(2)) == [1, 2]
        late = asyncio.ensure_future(commits.ask(3))
        await asyncio.sleep(0.01)
        await commits.close()
        assert await late == 3

    asyncio.run(live())


def test_ask__while_the_database_is_held_nobody_waits_longer_than_the_deadline() -> None:
    free = threading.Event()

    def settle(questions: Sequence[int]) -> list[int]:
        free.wait()
        return list(questions)

    async def live() -> None:
        commits = GroupCommit(settle, deadline=0.05)
        commits.start()
        waiting = [asyncio.ensure_future(commits.ask(number)) for number in range(3)]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in outcomes} == {Unavailable} and "another program holds it" in str(outcomes[0])
        with pytest.raises(Unavailable):
            commits.require_flowing()
        with pytest.raises(Unavailable):
            await commits.ask(4)  # at once: it would only wait behind the others
        free.set()
        while True:
            try:
                assert await commits.ask(5) == 5
                break
            except Unavailable:
                await asyncio.sleep(0.01)
        commits.require_flowing()
        await commits.close()

    asyncio.run(live())


def test_probe__tells_of_a_held_database_without_any_traffic_and_of_its_return(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FRESH", 3_600.0)
    free, settled = threading.Event(), []

    def settle(questions: Sequence[int]) -> list[int]:
        free.wait()
        settled.append(list(questions))
        return list(questions)

    async def live() -> None:
        commits = GroupCommit(settle, deadline=0.05)
        commits.start()
        for _ in range(2):
            with pytest.raises(Unavailable, match="another program holds it"):
                await commits.probe()
        free.set()
        while not settled:
            await asyncio.sleep(0.01)
        while True:
            try:
                await commits.probe()
                break
            except Unavailable:
                await asyncio.sleep(0.01)
        await commits.probe()
        assert settled == [[]], "nobody's question, and not again a moment later"
        await commits.close()

    asyncio.run(live())


def test_probe__an_error_of_the_database_is_told() -> None:
    def settle(_: Sequence[int]) -> list[int]:
        raise Unavailable("the disk failed.")

    async def live() -> None:
        commits = GroupCommit(settle)
        commits.start()
        with pytest.raises(Unavailable, match="the disk failed"):
            await commits.probe()
        await commits.close()

    asyncio.run(live())
