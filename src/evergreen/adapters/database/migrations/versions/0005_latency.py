"""What an answer took bears the name of what it measures.

Revision ID: 0005_latency
Revises: 0004_took
"""

from __future__ import annotations

from alembic import op

revision = "0005_latency"
down_revision = "0004_took"


def upgrade() -> None:
    op.alter_column("prediction", "took_us", new_column_name="latency_us")


def downgrade() -> None:
    op.alter_column("prediction", "latency_us", new_column_name="took_us")
