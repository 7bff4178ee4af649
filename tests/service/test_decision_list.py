from __future__ import annotations

import re

from evergreen.adapters.database import decisions, reading
from evergreen.service.decision_list import list_decisions
from evergreen.service.templating import render
from tests.service.running import Client, with_service
from tests.service.story import tell
from tests.service.test_pages import assert_stands_alone
from tests.service.world import World

LINK = re.compile(r'href="/decisions/(\d+)"')


def pages_of(world: World, **paths: str) -> dict[str, tuple[int, str]]:
    """The status and the text of pages, by the names they are asked for here."""

    async def act(client: Client) -> dict[str, tuple[int, str]]:
        answers = {name: await client.get(path) for name, path in paths.items()}
        return {name: (answer.status_code, answer.text) for name, answer in answers.items()}

    return with_service(world, act)


def test_decisions__are_listed_newest_first_and_by_kind_and_linked_from_the_others(world: World) -> None:
    tell(world)
    shown = pages_of(
        world, every="/decisions", gates="/decisions?kind=gate", none_before="/decisions?before=1",
        strange="/decisions?kind=<b>", no_number="/decisions?before=x", status="/", one="/decisions/8",
    )  # fmt: skip
    assert {name: status for name, (status, _) in shown.items() if status != 200} == {"strange": 404, "no_number": 404}
    page = shown["every"][1]
    assert_stands_alone(page)
    assert LINK.findall(page) == [str(seq) for seq in range(11, 0, -1)] and ">11 decisions<" in page
    assert "Golden batch and one session clean" in page and 'href="/decisions?kind=gate"' in page
    assert LINK.findall(shown["gates"][1]) == ["7", "3"] and ">2 gate decisions<" in shown["gates"][1]
    assert "There are none before." in shown["none_before"][1]
    assert "No decision of the kind &#39;&lt;b&gt;&#39;" in shown["strange"][1]
    assert "is no number of a decision" in shown["no_number"][1]
    assert all('href="/decisions"' in shown[name][1] for name in ("status", "one"))


def test_list__of_an_empty_log_says_so(world: World) -> None:
    with reading(world.engine) as conn:
        page = render("decisions.html", name="nobody", view=list_decisions(conn, "nobody", "", None))
    assert "Nothing was decided yet." in page and ">0 decisions<" in page


def test_list__a_long_log_comes_in_parts_that_meet(world: World) -> None:
    tell(world)
    seen: list[int] = []
    with reading(world.engine) as conn:
        part = list_decisions(conn, "evergreen", "", None, at_once=4)
        assert part.newest and part.number == 11
        while part.older:
            seen += [row.seq for row in part.rows]
            part = list_decisions(conn, "evergreen", "", seen[-1], at_once=4)
        assert seen + [row.seq for row in part.rows] == [row.seq for row in decisions.recent(conn, "evergreen")]
