from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import Engine

from evergreen.adapters.database import decisions, reading, trials, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.core.canary import CanaryRecord, QualityTest
from evergreen.core.canary.rules import Rules
from evergreen.core.gate.place import Place
from evergreen.core.policy.kinds import DecisionKind


def tried(engine: Engine, champion: str, challenger: str, recipe: str) -> None:
    with writing(engine) as conn:
        trials.record(
            conn,
            model="m",
            champion=champion,
            challenger=challenger,
            recipe=recipe,
            window_start="2008-01-02",
            window_end="2008-09-15",
            as_of="2008-09-15",
        )


def promoted(engine: Engine, version: str, *, better: float, renewed: bool = False) -> None:
    """A canary's promotion, by sessions in each of which the challenger was better by so many scales."""
    test = QualityTest.under(Rules(scale=0.1, margin=0.0, renewed=renewed))
    for session in range(60):
        test.update(session, 1.0, 1.0 - 0.1 * better)
    decision = Decision(
        at=datetime(2008, 9, 15, tzinfo=UTC),
        model="m",
        kind=DecisionKind.PROMOTE,
        as_of="2008-09-15",
        subject=version,
        summary="promoted",
        evidence=json.loads(json.dumps(CanaryRecord().with_test(test).to_json())),
    )
    with writing(engine) as conn:
        decisions.append(conn, decision)


def placed(engine: Engine, recipe: str, renewal: bool = False) -> Place:
    with reading(engine) as conn:
        return trials.place(conn, "m", recipe, renewal)


def test_place__a_recipe_keeps_its_number_however_often_and_against_whomever_it_is_trained(engine: Engine) -> None:
    for champion, challenger, recipe in [("1", "2", "a"), ("1", "3", "b"), ("1", "3", "b"), ("3", "4", "a")]:
        tried(engine, champion, challenger, recipe)
    assert placed(engine, "a") == Place(1)
    assert placed(engine, "b", renewal=True) == Place(2, renewal=True)


def test_place__only_what_was_promoted_by_evidence_of_its_own_is_a_discovery(engine: Engine) -> None:
    for number, recipe in enumerate("abcd", start=2):
        tried(engine, "1", str(number), recipe)
    promoted(engine, "2", better=0.0)
    promoted(engine, "3", better=0.9, renewed=True)
    assert placed(engine, "d").discoveries == 0
    promoted(engine, "4", better=0.9)
    assert placed(engine, "d") == Place(4, discoveries=1)
    assert placed(engine, "c").discoveries == 0


def test_spent__says_what_a_search_has_used_up_and_what_is_left(engine: Engine) -> None:
    for number, recipe in enumerate("abc", start=2):
        tried(engine, "1", str(number), recipe)
    with reading(engine) as conn:
        assert trials.spent(conn, "m") == (
            "3 recipes tried, 0 promoted by their evidence; 3.80% of the level is left for the next one"
        )


def test_recipes__nothing_yet_is_none(engine: Engine) -> None:
    with reading(engine) as conn:
        assert trials.recipes(conn, "m") == [] and trials.discovered(conn, "m") == set()
