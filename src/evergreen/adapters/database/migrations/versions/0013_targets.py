"""An outcome says of which target it is, and a prediction from which no price follows has none.

Revision ID: 0013_targets
Revises: 0012_recipe
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013_targets"
down_revision = "0012_recipe"

KEY = "pk_outcome"
TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'prediction'"


def upgrade() -> None:
    """All that was kept before is of returns."""
    with op.batch_alter_table("outcome") as table:
        table.add_column(sa.Column("target", sa.Text(), nullable=False, server_default="return"))
    _key_outcomes_by("session", "horizon", "target", "ticker")
    with op.batch_alter_table("outcome") as table:
        table.alter_column("target", existing_type=sa.Text(), server_default=None)
    _let_price_be_missing()


def downgrade() -> None:
    """Outcomes of other targets are given up. A price may stay missing: an older Evergreen writes one always."""
    op.execute("DELETE FROM outcome WHERE target <> 'return'")
    _key_outcomes_by("session", "horizon", "ticker")
    op.drop_column("outcome", "target")


def _key_outcomes_by(*columns: str) -> None:
    with op.batch_alter_table("outcome") as table:
        table.drop_constraint(KEY, type_="primary")
        table.create_primary_key(KEY, list(columns))


def _let_price_be_missing() -> None:
    """On SQLite the table is written anew, and the triggers that guard the log go with the old one: put back then."""
    conn = op.get_bind()
    triggers = conn.execute(sa.text(TRIGGERS)).all() if conn.dialect.name == "sqlite" else []
    for name, _ in triggers:
        op.execute(f"DROP TRIGGER {name}")
    with op.batch_alter_table("prediction") as table:
        table.alter_column("price", existing_type=sa.Float(), nullable=True)
    for _, statement in triggers:
        op.execute(statement)
