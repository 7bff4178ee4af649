from __future__ import annotations

from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from evergreen.adapters.database import decisions, migrate_database, open_database, reading, writing
from evergreen.adapters.database.decisions import Decision
from evergreen.adapters.database.migrate import configuration
from evergreen.adapters.database.schema import HEAD, metadata
from evergreen.errors import BadSetting

NEWEST_FIRST = [script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()]


def test_migrations__each_goes_down_and_up_again_to_the_same_tables(url: str, decided: Callable[..., Decision]) -> None:
    engine = open_database(url)
    with writing(engine) as conn:
        decisions.append(conn, decided("1"))
    for revision in NEWEST_FIRST[1:]:
        assert migrate_database(url, revision) == revision
    for revision in reversed(NEWEST_FIRST[:-1]):
        assert migrate_database(url, revision) == revision
    with reading(engine) as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []
        assert [decision.subject for decision in decisions.recent(conn, "m")] == ["1"]
        assert decisions.verify(conn) == []
    engine.dispose()


def test_migrate_database__unknown_revision_is_refused_with_the_known_ones(url: str) -> None:
    assert migrate_database(url) == HEAD
    with pytest.raises(BadSetting, match=f"no schema 'zero'. Known, newest first: {HEAD}"):
        migrate_database(url, "zero")
