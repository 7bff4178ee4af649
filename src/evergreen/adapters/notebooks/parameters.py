"""What a notebook may be given: the names and types of its own parameters cell, nothing else.

papermill only warns about an unknown name, and a parameter's name is executed as code; so both are
checked here, before a kernel starts.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evergreen.errors import BadInput, NotFound, UnreadableFile

Parameter = str | int | float | bool | list[str] | list[int] | list[float]
TAG = "parameters"
LONGEST_LIST = 1_000  # twice a broad index of tickers; more belongs into a file that the notebook is handed


def read_parameters(notebook: Path) -> dict[str, Parameter]:
    """The names and defaults of the cell tagged `parameters`, in their order.

    Raises:
        NotFound: no such file.
        UnreadableFile: not a notebook, or without a parameters cell of plain literals.
    """
    cells = [cell for cell in _cells(notebook) if TAG in cell.get("metadata", {}).get("tags", [])]
    if len(cells) != 1:
        raise UnreadableFile(f"{notebook} has {len(cells)} cells tagged {TAG!r}.", "Tag exactly one.")
    try:
        return dict(_assignment(statement) for statement in ast.parse("".join(cells[0]["source"])).body)
    except (SyntaxError, ValueError) as error:
        raise UnreadableFile(
            f"the parameters cell of {notebook} is not plain `name = literal` lines: {error}.",
            "Keep only such lines in it.",
        ) from None


def check_parameters(notebook: Path, parameters: Mapping[str, Any]) -> dict[str, Parameter]:
    """The given parameters, each known to the notebook and of its default's type.

    An int may stand for a float; bool stands only for bool. Values are stored in the executed
    notebook: none may be a secret.

    Raises:
        BadInput: an unknown name or an unfit value, naming the known ones.
    """
    defaults = read_parameters(notebook)
    for name, value in parameters.items():
        if name not in defaults:
            raise BadInput(f"{notebook.name} has no parameter {name!r}.", f"It has {', '.join(defaults)}.")
        if not _fits(value, defaults[name]):
            raise BadInput(
                f"parameter {name} of {notebook.name} cannot be {value!r:.60}.",
                f"Give a value like its default, {defaults[name]!r}.",
            )
    return dict(parameters)


def _cells(notebook: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(notebook.read_text())
        return list(content["cells"])
    except FileNotFoundError:
        raise NotFound(f"no notebook at {notebook}.", "Give the path of an .ipynb file.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(f"{notebook} is not a notebook: {error}.", "Give an .ipynb file.") from None


def _assignment(statement: ast.stmt) -> tuple[str, Parameter]:
    target: ast.expr
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    else:
        raise ValueError(f"line {statement.lineno}")
    if not isinstance(target, ast.Name):
        raise ValueError(f"line {statement.lineno}")
    return target.id, ast.literal_eval(value)


def _fits(value: Any, default: Parameter) -> bool:
    if isinstance(default, list):
        likes = default[:1] or [""]
        short = isinstance(value, list) and len(value) <= LONGEST_LIST
        return short and all(_fits(each, likes[0]) for each in value)
    if isinstance(default, float):
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return type(value) is type(default)
