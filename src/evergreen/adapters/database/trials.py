"""Every challenger ever evaluated, by its recipe: what a search uses up of the levels, and what is left of them."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from evergreen.adapters.database import decisions
from evergreen.adapters.database.rows import insert_new
from evergreen.adapters.database.schema import trial
from evergreen.core.bars.session import Session
from evergreen.core.canary import CanaryRecord, CanaryVerdict
from evergreen.core.gate.place import Place
from evergreen.core.policy.kinds import DecisionKind


def record(
    conn: Connection,
    *,
    model: str,
    champion: str,
    challenger: str,
    recipe: str,
    window_start: Session,
    window_end: Session,
    as_of: Session,
    request_id: str | None = None,
) -> None:
    """Note that a challenger was evaluated on a window; again for the same pair changes nothing."""
    row = {
        "model": model,
        "champion": champion,
        "challenger": challenger,
        "recipe": recipe,
        "window_start": window_start,
        "window_end": window_end,
        "as_of": as_of,
        "request_id": request_id,
    }
    insert_new(conn, trial, [row])


def recipes(conn: Connection, model: str) -> list[str]:
    """All that were tried under a model name, in the order of their first trial."""
    first = func.min(trial.c.id)
    query = select(trial.c.recipe).where(trial.c.model == model).group_by(trial.c.recipe).order_by(first)
    return list(conn.execute(query).scalars())


def recipe_of(conn: Connection, model: str, challenger: str) -> str | None:
    """The recipe that a challenger was counted as; None where it never was."""
    query = select(trial.c.recipe).where(trial.c.model == model, trial.c.challenger == challenger)
    return conn.execute(query.order_by(trial.c.id)).scalars().first()


def discovered(conn: Connection, model: str) -> set[str]:
    """The recipes among them that were promoted by their own evidence, and not as a renewal."""
    promoted = [each for each in decisions.of_kinds(conn, model, [DecisionKind.PROMOTE]) if each.evidence.get("test")]
    tests = {each.subject: CanaryRecord.from_json(each.evidence).quality_test() for each in promoted}
    shown = [
        version for version, test in tests.items() if test.decision is CanaryVerdict.PROMOTE and not test.rules.renewed
    ]
    query = select(trial.c.recipe).where(trial.c.model == model, trial.c.challenger.in_(shown))
    return set(conn.execute(query).scalars())


def spent(conn: Connection, model: str) -> str:
    """What a search has used up of the levels so far, and what is left for one recipe more."""
    known, shown = recipes(conn, model), discovered(conn, model)
    left = Place(len(known) + 1, len(shown)).level(1.0)
    tried = f"{len(known)} {'recipe' if len(known) == 1 else 'recipes'} tried, {len(shown)} promoted by their evidence"
    return f"{tried}; {left:.2%} of the level is left for the next one"


def place(conn: Connection, model: str, recipe: str, renewal: bool) -> Place:
    """Where a recipe stands that has been tried; whether its model renews the champion is for the manifests to say."""
    known = recipes(conn, model)
    number = known.index(recipe) + 1
    before = discovered(conn, model).intersection(known[: number - 1])
    return Place(number, len(before), renewal=renewal)
