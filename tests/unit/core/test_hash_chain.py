from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.core.hash_chain import GENESIS, ChainBreak, Link, breaks, canonical, digest

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
bodies = st.dictionaries(
    st.text(),
    st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8),
    max_size=5,
)


class Colour(StrEnum):
    GREEN = "green"


def chain_of(contents: list[dict[str, object]]) -> list[Link]:
    links: list[Link] = []
    previous = GENESIS
    for seq, body in enumerate(contents, start=1):
        links.append(Link(seq, body, previous, digest(seq, body, previous)))
        previous = links[-1].hash
    return links


def broken(links: list[Link], head: Link) -> list[ChainBreak]:
    return breaks(links, head.seq, head.hash)


@given(st.lists(bodies, max_size=5))
def test_breaks__chain_read_back_from_its_stored_text_holds(contents: list[dict[str, object]]) -> None:
    links = [Link(link.seq, json.loads(canonical(link.body)), link.prev_hash, link.hash) for link in chain_of(contents)]
    head = (links[-1].seq, links[-1].hash) if links else (0, GENESIS)
    assert breaks(links, *head) == []


@given(st.integers(0, 4), st.integers(1, 1000))
def test_breaks__one_edited_record_is_named(where: int, by: int) -> None:
    links = chain_of([{"weight": n} for n in range(5)])
    head = links[-1]
    old = links[where]
    links[where] = Link(old.seq, {"weight": where + by}, old.prev_hash, old.hash)
    assert [broken_at.seq for broken_at in broken(links, head)] == [where + 1]


@pytest.mark.parametrize("where", range(5))
def test_breaks__deleted_record_shows_wherever_it_was(where: int) -> None:
    links = chain_of([{"n": n} for n in range(5)])
    head = links[-1]
    del links[where]
    assert broken(links, head)


def test_breaks__record_rewritten_with_a_fitting_hash_shows_at_the_next_one() -> None:
    links = chain_of([{"n": n} for n in range(3)])
    links[0] = Link(1, {"n": 9}, GENESIS, digest(1, {"n": 9}, GENESIS))
    assert [broken_at.seq for broken_at in broken(links, links[-1])] == [2]


def test_breaks__two_records_swapped_show() -> None:
    links = chain_of([{"n": n} for n in range(3)])
    assert broken([links[1], links[0], links[2]], links[2])


@given(bodies)
def test_canonical__order_of_keys_does_not_matter(body: dict[str, object]) -> None:
    backwards = dict(reversed(list(body.items())))
    assert canonical(body) == canonical(backwards)


@given(scalars)
def test_canonical__is_a_fixed_point_of_reading_back(value: object) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


def test_canonical__non_finite_numbers_become_their_names() -> None:
    assert canonical([math.nan, math.inf, -math.inf]) == '["NaN","Infinity","-Infinity"]'


def test_canonical__numpy_dates_and_enumerations_become_plain() -> None:
    berlin = datetime(2008, 9, 15, 2, 0, tzinfo=timezone(timedelta(hours=2)))
    value = [np.float32(0.5), np.int64(3), np.bool_(True), np.array([1.5, np.nan]), Colour.GREEN]
    assert canonical(value) == '[0.5,3,true,[1.5,"NaN"],"green"]'
    assert canonical([date(2008, 9, 15), berlin]) == '["2008-09-15","2008-09-15T00:00:00.000000Z"]'
    assert canonical(berlin) == canonical(berlin.astimezone(UTC))


def test_canonical__refuses_what_has_no_form() -> None:
    with pytest.raises(TypeError, match="object has no canonical JSON form"):
        canonical({"evidence": object()})
