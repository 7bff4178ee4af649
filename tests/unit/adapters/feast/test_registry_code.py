"""A registry that somebody else wrote into may hold code: it is refused before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dill
import pytest

from evergreen.adapters.feast import Features
from evergreen.errors import Broken
from tests.unit.adapters.feast.rows import SESSIONS, Rows


class Payload:
    """Unpickled, it touches a file."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self._marker,)


def _hide(store: Features, kind: str, **function: Any) -> None:
    """Put a view with a function into the registry's file, as Feast itself would store it."""
    from feast.protos.feast.core.Registry_pb2 import Registry

    registry = Registry()
    registry.ParseFromString((store.root / "registry.db").read_bytes())
    view = getattr(registry, kind).add()
    view.spec.name, view.spec.project = "hidden", registry.feature_views[0].spec.project
    if kind == "on_demand_feature_views":
        view.spec.mode = "pandas"
        target = view.spec.feature_transformation.user_defined_function
    else:
        target = view.spec.user_defined_function
    for name, value in function.items():
        setattr(target, name, value)
    (store.root / "registry.db").write_bytes(registry.SerializeToString())


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "ran"


def _functions(marker: Path) -> list[dict[str, Any]]:
    source = f"open({str(marker)!r}, 'w')\ndef hidden(rows):\n    return rows"
    return [{"body": dill.dumps(Payload(marker))}, {"body_text": source}]


@pytest.mark.parametrize("which", [0, 1], ids=["pickled", "source"])
def test_training_frame__code_in_the_registry_is_refused_and_never_runs(
    store: Features, marker: Path, which: int
) -> None:
    rows = Rows(["A"], SESSIONS)
    rows.write(store)
    _hide(store, "on_demand_feature_views", **_functions(marker)[which])
    with pytest.raises(Broken, match="holds code"):
        Features(store.root, store.repo).training_frame(rows.entity())
    assert not marker.exists()


def test_registry__a_pickled_stream_view_is_refused_and_never_runs(store: Features, marker: Path) -> None:
    _hide(store, "stream_feature_views", **_functions(marker)[0])
    with pytest.raises(Broken, match="holds code"):
        Features(store.root, store.repo)._feast.list_stream_feature_views()
    assert not marker.exists()
