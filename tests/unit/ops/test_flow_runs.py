from __future__ import annotations

from typing import Any

import pytest

from evergreen.errors import BadInput
from evergreen.ops.flow_runs import parse_parameters

SCHEMA: dict[str, Any] = {
    "as_of": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    "request_id": {"type": "string"},
    "dry_run": {"type": "boolean"},
    "tickers": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
}


def test_parse_parameters__takes_texts_as_they_stand_and_the_rest_as_json() -> None:
    given = ["as_of=2008-10-31", "request_id=123", "dry_run=true", 'tickers=["AAPL","IBM"]']
    assert parse_parameters(given, SCHEMA) == {
        "as_of": "2008-10-31",
        "request_id": "123",
        "dry_run": True,
        "tickers": ["AAPL", "IBM"],
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("as_off=2008-10-31", "known names: as_of, dry_run"), ("dry_run", "NAME=VALUE"), ("dry_run=maybe", "no JSON")],
)
def test_parse_parameters__says_what_it_does_not_take(text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        parse_parameters([text], SCHEMA)
