"""Bars that have not arrived stay on a ledger until they come.

Revision ID: 0011_owed
Revises: 0010_any_learner
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011_owed"
down_revision = "0010_any_learner"


def upgrade() -> None:
    """It starts empty: what the last sessions of a store lack is entered by the next run."""
    op.create_table(
        "owed_bar",
        sa.Column("ticker", sa.Text(), nullable=False),
        sa.Column("session", sa.String(length=10), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("forecast_missed", sa.Boolean(), nullable=False),
        sa.Column("noticed", sa.Boolean(), nullable=False),
        sa.Column("settlement", sa.Text()),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("settlement IN ('arrived', 'refused', 'written_off')", name="ck_owed_bar_settlement"),
        sa.PrimaryKeyConstraint("ticker", "session", name="pk_owed_bar"),
    )
    op.create_index("ix_owed_bar_settlement_session", "owed_bar", ["settlement", "session"])


def downgrade() -> None:
    op.drop_table("owed_bar")
