from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.core.canary.assignment import BUCKETS, arm, bucket
from evergreen.errors import BadInput


def test_bucket__is_recomputable_from_its_documented_bytes() -> None:
    digest = hashlib.sha256(b"\x00\x00\x00\x04salt" + b"client-1").hexdigest()
    assert bucket("salt", "client-1") == int(digest, 16) % 10_000


def test_bucket__boundary_between_salt_and_client_matters() -> None:
    assert bucket("a", "bc") != bucket("ab", "c")


@settings(max_examples=50, deadline=None)
@given(st.text(), st.text(), st.integers(0, BUCKETS), st.integers(0, BUCKETS))
def test_arm__ramp_never_moves_a_client_back(salt: str, client: str, one: int, other: int) -> None:
    low, high = sorted((one, other))
    if arm(salt, client, low) == "challenger":
        assert arm(salt, client, high) == "challenger"


def test_arm__whole_range_of_weights() -> None:
    clients = [f"client-{i}" for i in range(20_000)]
    assert {arm("s", client, 0) for client in clients} == {"champion"}
    assert {arm("s", client, BUCKETS) for client in clients} == {"challenger"}
    share = sum(arm("s", client, 500) == "challenger" for client in clients) / len(clients)
    assert abs(share - 0.05) < 3 * (0.05 * 0.95 / len(clients)) ** 0.5


def test_bucket__takes_text_that_is_not_valid_unicode() -> None:
    assert 0 <= bucket("s", "\ud800") < BUCKETS


@pytest.mark.parametrize("weight", [-1, BUCKETS + 1])
def test_arm__refuses_a_weight_outside_its_range(weight: int) -> None:
    with pytest.raises(BadInput, match="basis points"):
        arm("s", "c", weight)
