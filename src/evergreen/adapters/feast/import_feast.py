"""Feast imported without its run-time type checks, 1 second in place of 7, and with its registry as data, not code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typeguard

from evergreen.errors import Broken


def import_feast() -> None:
    """Import Feast; what is imported of it afterwards finds it loaded.

    At its first import Feast has typeguard parse and rewrite each of its functions. MLflow brings Feast in as
    well: its first request over HTTP loads a plugin that Feast registers.
    """
    with _unchecked():
        import feast  # noqa: F401

        _refuse_code()


def _refuse_code() -> None:
    """Have Feast turn down a function in its registry, which it would unpickle or execute to list the views.

    Our definitions hold none: whoever can write the registry, a file or a server's table, must not run code here.
    """
    from feast.stream_feature_view import StreamFeatureView
    from feast.transformation.pandas_transformation import PandasTransformation
    from feast.transformation.python_transformation import PythonTransformation
    from feast.transformation.substrait_transformation import SubstraitTransformation

    for kind in (StreamFeatureView, PandasTransformation, PythonTransformation, SubstraitTransformation):
        kind.from_proto = staticmethod(_refused)


def _refused(*_proto: Any, **_options: Any) -> None:
    raise Broken(
        "A view in the feature registry holds code, which Evergreen's definitions never do; it was not run.",
        "Find out who wrote it, then delete the registry: it holds definitions only and is made again.",
    )


@contextmanager
def _unchecked() -> Iterator[None]:
    checked = typeguard.typechecked
    typeguard.typechecked = _as_it_is
    try:
        yield
    finally:
        typeguard.typechecked = checked


def _as_it_is(target: Any = None, **_options: Any) -> Any:
    """`typechecked` as a decorator, with options or without, that decorates nothing."""
    return target if target is not None else _as_it_is
