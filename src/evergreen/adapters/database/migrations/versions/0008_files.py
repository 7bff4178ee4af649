"""A model version is known by the hashes of all its files, not of the model's alone.

Revision ID: 0008_files
Revises: 0006_stages
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_files"
down_revision = "0006_stages"


def upgrade() -> None:
    """Records from before have none: they are completed when their files are next looked at."""
    op.add_column("model_version", sa.Column("files", sa.Text(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("model_version", "files")
