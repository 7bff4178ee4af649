"""What forecast intervals are made of, session by session."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_intervals"
down_revision = "0002_quarantine"


def upgrade() -> None:
    op.create_table(
        "interval",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("session", sa.String(length=10), nullable=False),
        sa.Column("scales", sa.Text(), nullable=False),
        sa.Column("bands", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model", "session", name="pk_interval"),
    )


def downgrade() -> None:
    op.drop_table("interval")
