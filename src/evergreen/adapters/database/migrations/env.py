"""Runs the migrations on the connection handed over in the configuration."""

from __future__ import annotations

from alembic import context

from evergreen.adapters.database.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
