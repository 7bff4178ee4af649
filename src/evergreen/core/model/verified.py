"""A model file's bytes, held against the hash it was registered with."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evergreen.errors import ModelRefused, NotFound


def sha256(content: bytes) -> str:
    """Hex SHA-256: the identity of a model."""
    return hashlib.sha256(content).hexdigest()


def read_verified(path: Path, sha256: str) -> bytes:
    """The content of a model file whose bytes are the registered ones, not parsed.

    Raises:
        NotFound: there is no such file.
        ModelRefused: its bytes are not the registered model's.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"no model file at {path}.", "Download the version again from the registry.") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise ModelRefused(
            f"{path} is not the registered model: SHA-256 {digest[:12]}... instead of {sha256[:12]}...",
            "Delete the file and download the version again from the registry.",
        )
    return content
