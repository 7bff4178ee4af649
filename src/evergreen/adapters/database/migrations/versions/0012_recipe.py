"""A trial names its recipe: trained again, it is no new one.

Revision ID: 0012_recipe
Revises: 0011_owed
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012_recipe"
down_revision = "0011_owed"


def upgrade() -> None:
    """What was tried before is not known to be of one recipe: each counts as its own, as it did."""
    op.add_column("trial", sa.Column("recipe", sa.Text()))
    trial = sa.table("trial", sa.column("recipe"), sa.column("challenger"))
    op.execute(trial.update().values(recipe=trial.c.challenger))
    with op.batch_alter_table("trial") as table:
        table.alter_column("recipe", existing_type=sa.Text(), nullable=False)


def downgrade() -> None:
    op.drop_column("trial", "recipe")
