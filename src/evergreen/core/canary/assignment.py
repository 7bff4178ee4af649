"""Which client is answered by which model: a salted hash that anybody can recompute offline."""

from __future__ import annotations

import hashlib
from typing import Literal

from evergreen.errors import BadInput

BUCKETS = 10_000  # basis points, in which a weight is given

Arm = Literal["champion", "challenger"]


def bucket(salt: str, client: str) -> int:
    """The client's place in 0..9999, fixed for as long as the salt is.

    The bytes hashed are: the length of the UTF-8 salt as four big-endian bytes, the salt, the UTF-8 client.
    The length in front keeps ("a", "bc") and ("ab", "c") apart. The bucket is the whole SHA-256 digest, read
    as one big-endian integer, modulo 10,000. Lone surrogates, which JSON can carry, are encoded by
    `surrogatepass`.
    """
    salt_bytes = salt.encode("utf-8", "surrogatepass")
    client_bytes = client.encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(len(salt_bytes).to_bytes(4, "big") + salt_bytes + client_bytes).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def arm(salt: str, client: str, weight: int) -> Arm:
    """The arm that answers `client` when `weight` basis points of all clients are on the canary.

    A higher weight only ever adds clients to the challenger, so a ramp never moves one back.

    Raises:
        BadInput: `weight` outside 0..10000.
    """
    if not 0 <= weight <= BUCKETS:
        raise BadInput(f"canary weight {weight} is not within 0..{BUCKETS} basis points.", "5 % is 500.")
    return "challenger" if bucket(salt, client) < weight else "champion"
