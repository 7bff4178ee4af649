"""A name says what the thing is, and two things have two names."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from evergreen.workspace import REPOSITORY

SAYS_NOTHING = {"found", "asked", "made", "told", "held", "wanted", "done", "kept", "said", "result"}
PRODUCT = ("src", "flows", "tasks", "feature_repo", "benchmarks")


def modules(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            yield path.relative_to(REPOSITORY), ast.parse(path.read_text())


def bound(node: ast.AST) -> str:
    """The name that a node gives to something; empty where it gives none."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)):
            return name
    return ""


def test_names__say_what_they_hold() -> None:
    empty_names = [
        f"{path}:{getattr(node, 'lineno', 0)} {name}"
        for path, tree in modules(*PRODUCT, "tests")
        for node in ast.walk(tree)
        if (name := bound(node)) in SAYS_NOTHING
    ]
    assert empty_names == [], "name each for what it holds: a request, a delivery, a verdict"


def test_classes__of_the_product_share_no_name() -> None:
    names = Counter(node.name for _, tree in modules(*PRODUCT) for node in tree.body if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []
