"""How long the answering model took, kept with each prediction.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("prediction", sa.Column("took_us", sa.Integer))
