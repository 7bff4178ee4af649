"""How long the answering model took, kept with each prediction.

Revision ID: 0004_took
Revises: 0003_intervals
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_took"
down_revision = "0003_intervals"


def upgrade() -> None:
    op.add_column("prediction", sa.Column("took_us", sa.Integer))


def downgrade() -> None:
    op.drop_column("prediction", "took_us")
