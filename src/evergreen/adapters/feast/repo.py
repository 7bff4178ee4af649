"""The feature repository as Feast objects, without command line, environment variables or chatter."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import io
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml  # type: ignore[import-untyped]

from evergreen.adapters.feast.import_feast import import_feast
from evergreen.adapters.feast.servers import Servers
from evergreen.core.features import DeclaredFactor
from evergreen.errors import UnreadableFile

_FACTORS = "factors.py"
_MODULES = ("entities", "sources", "views", "services")
_PLACE = "${EVERGREEN_HOME}/features"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Feast prints, warns and draws bars on every call: not here."""
    level = logging.getLogger("feast").level
    logging.getLogger("feast").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("feast").setLevel(level)


def store_config(repo: Path, root: Path, known_at: pd.Timestamp | None = None, servers: Servers = Servers()) -> Any:
    """Feast's RepoConfig from `repo`, with its places below `root` or on `servers`, nothing known after `known_at`.

    Raises:
        UnreadableFile: `repo` has no usable feature_store.yaml.
    """
    import_feast()
    from feast.repo_config import RepoConfig

    file = repo / "feature_store.yaml"
    text = _read(file).replace(_PLACE, str(root))
    try:
        raw = servers.configured(yaml.safe_load(text))
        if known_at is not None:
            raw["offline_store"]["known_at"] = known_at.to_pydatetime()
        config = RepoConfig(**raw)
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        raise UnreadableFile(f"{file} cannot be used: {error}.", "Restore it from the repository.") from None
    config.repo_path = root
    return config


def declared(repo: Path) -> list[Any]:
    """The entities, views and services that the modules of `repo` define.

    They import each other by bare name, as Feast's own commands expect; they are loaded the same way here,
    then forgotten, so that another repository can be loaded after them.
    """
    import_feast()
    from feast import Entity, FeatureService, FeatureView

    before = {name: sys.modules.pop(name) for name in _MODULES if name in sys.modules}
    sys.path.insert(0, str(repo))
    try:
        modules = [importlib.import_module(name) for name in _MODULES]
    finally:
        sys.path.remove(str(repo))
        for name in _MODULES:
            sys.modules.pop(name, None)
        sys.modules.update(before)
    values = {id(value): value for module in modules for value in vars(module).values()}
    return [value for value in values.values() if isinstance(value, Entity | FeatureService | FeatureView)]


def declared_factors(repo: Path) -> tuple[DeclaredFactor, ...]:
    """The factors that `repo` declares beside the 158, in the order of its factors.py; none without one."""
    file = repo / _FACTORS
    spec = importlib.util.spec_from_file_location("evergreen_declared_factors", file)
    if not file.exists() or spec is None or spec.loader is None:
        return ()
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return tuple(value for value in vars(module).values() if isinstance(value, DeclaredFactor))


def view_of(factor: DeclaredFactor, like: Any, ticker: Any) -> Any:
    """The feature view of one declared factor, for the entity `ticker`, served as long as the view `like`."""
    from feast import FeatureView, Field, FileSource
    from feast.types import Float32

    source = FileSource(
        name=f"{factor.view}_rows",
        path=factor.view,
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )
    field = Field(name=factor.name, dtype=Float32, description=factor.formula)
    return FeatureView(
        name=factor.view,
        entities=[ticker],
        schema=[field],
        source=source,
        ttl=like.ttl,
        description=f"{factor.formula} (reads {factor.lookback} sessions)",
    )


def fingerprint(repo: Path, root: Path, factors: Sequence[DeclaredFactor] = (), servers: Servers = Servers()) -> str:
    """A hash that moves when the definitions, the factors behind them or the place do.

    Raises:
        UnreadableFile: a file of `repo` is missing.
    """
    from evergreen.core.features import FACTORS

    digest = hashlib.sha256(f"{root}{servers}{FACTORS}{[each.view for each in factors]}".encode())
    for name in ("feature_store.yaml", *(f"{module}.py" for module in _MODULES)):
        digest.update(_read(repo / name).encode())
    return digest.hexdigest()


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be read: {error}.", "Restore it from the repository.") from None
