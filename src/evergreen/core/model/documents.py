"""Models that are kept as JSON documents."""

from __future__ import annotations

import json
from typing import Any

from evergreen.errors import ModelRefused


def read_document(content: bytes, kind: str) -> dict[str, Any]:
    """The document of a model of that kind.

    Raises:
        ModelRefused: not JSON, or of another kind.
    """
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("kind") != kind:
        raise ModelRefused(f"the model file does not hold a {kind}.", "Download the version again from the registry.")
    return document
