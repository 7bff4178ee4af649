"""What a command says, as lines for a person or as one JSON object for a program."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from evergreen.core.printable import printable

Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]


def tell(lines: Iterable[str], content: Any, as_json: bool) -> None:
    """Print the lines, or the content they were made from; times and paths become text."""
    if as_json:
        print(json.dumps(content, indent=2, default=str))
        return
    say(lines)


def say(lines: Iterable[str]) -> None:
    """Print each line as one, whatever signs the text of a person or a vendor brought into it."""
    for line in lines:
        print(printable(line), flush=True)
