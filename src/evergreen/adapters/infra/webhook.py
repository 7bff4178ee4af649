"""A say for another system: it is sent the evidence and answers yes with a status of 2xx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evergreen.adapters.infra.urls import trusts_proxy

SECONDS = 10.0  # for another system to judge; a flow run waits meanwhile


def objection(url: str, evidence: Mapping[str, Any], seconds: float = SECONDS) -> str:
    """Why `url` does not let it go on, in a sentence without its secrets; empty if it does.

    No answer within `seconds` is no yes.
    """
    import httpx

    try:
        place = httpx.URL(url)
        answer = httpx.post(place, json=dict(evidence), timeout=seconds, trust_env=trusts_proxy(str(place)))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"The promotion's webhook gave no answer ({type(error).__name__})."
    return "" if answer.is_success else f"{place.host} answered {answer.status_code}."
