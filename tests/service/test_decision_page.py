from __future__ import annotations

import numpy as np
from sqlalchemy import text

from evergreen.adapters.database import decisions, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.core.canary import CanaryRecord
from evergreen.core.policy.kinds import DecisionKind
from evergreen.service.decision_page import numbers
from tests.service.running import Client, with_service
from tests.service.story import canary, tell
from tests.service.test_pages import assert_stands_alone
from tests.service.world import NOW, World

GIVEN = {
    "statistic": 2.74437,
    "drifted": True,
    "followed": "It starts a retraining: request 44648.",
    "culprits": [f"F{place}" for place in range(20)],
    "test": {"dof": 40, "deep": {"unread": 1}, "rows": [[1, 2]]},
    "nothing": "",
}


def page_of(world: World, path: str, status: int = 200) -> str:
    async def act(client: Client) -> str:
        answer = await client.get(path)
        assert answer.status_code == status and answer.headers["content-type"].startswith("text/html")
        return answer.text

    return str(with_service(world, act))


def decide(world: World, kind: str, **evidence: object) -> int:
    with world.engine.begin() as conn:
        return decisions.append(
            conn,
            Decision(at=NOW, model="evergreen", kind=kind, as_of="2008-09-12", subject="2", summary="p = 0.005 <b>.",
                     evidence=evidence),
        )  # fmt: skip


def test_decision__plain_words_come_first_then_the_statisticians_then_the_numbers(world: World) -> None:
    tell(world)
    seq = decide(world, DecisionKind.DRIFT, data_version="dada", **GIVEN)
    page = page_of(world, f"/decisions/{seq}")
    assert_stands_alone(page)
    parts = ("The market looks different", "p = 0.005 &lt;b&gt;.", "What it changed", "request 44648", "2.744")
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    for sentence in ("dada", f"{seq} of {seq}", "it follows the one before it", "All of it, as recorded"):
        assert sentence in page, sentence
    assert f'href="/decisions/{seq - 1}"' in page and f'href="/decisions/{seq + 1}"' not in page
    assert "Version 2 enters the canary in shadow" in page, "what else was decided about it"


def test_decision__of_a_canary_shows_the_evidence_it_saw(world: World) -> None:
    record = CanaryRecord().with_test(canary(np.random.default_rng(1))).to_json()
    page = page_of(world, f"/decisions/{decide(world, DecisionKind.CANARY, moved=False, **record)}")
    assert "goes on as it did" in page and "left things as they were" in page
    assert page.count('class="chart wide"') == 1 and "promote 20" in page


def test_decision__whose_evidence_this_version_cannot_read_is_shown_without_a_picture(world: World) -> None:
    page = page_of(world, f"/decisions/{decide(world, 'of_another_version', test={'format': 99})}")
    assert "chart" not in page.partition("<body>")[2] and "Not known to this version" in page


def test_decision__that_was_edited_afterwards_is_called_broken(world: World) -> None:
    seq = decide(world, DecisionKind.DRIFT)
    assert "Broken." not in page_of(world, f"/decisions/{seq}")
    with writing(world.engine) as conn:
        conn.execute(text("drop trigger decision_no_update"))  # as one who gets at the file may
        conn.execute(text("update decision set summary = 'another' where seq = :seq"), {"seq": seq})
    assert "Broken." in page_of(world, f"/decisions/{seq}")


def test_decision__unknown_numbers_are_404_with_a_sentence(world: World) -> None:
    assert "No decision 999 about" in page_of(world, "/decisions/999", 404)
    for number in ("abc", "-1", "1" * 40, "%D9%A1"):  # an Arabic digit among them
        assert "is no number of a decision" in page_of(world, f"/decisions/{number}", 404)


def test_numbers__are_what_can_be_read_of_the_evidence() -> None:
    assert dict(numbers(GIVEN)) == {
        "statistic": "2.744",
        "drifted": "yes",
        "followed": "It starts a retraining: request 44648.",
        "culprits": ", ".join(f"F{place}" for place in range(12)) + " and 8 more",
        "test: dof": "40",
    }
