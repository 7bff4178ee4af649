"""A model may be of any kind: no list of them stands in the database.

Revision ID: 0010_any_learner
Revises: 0009_prediction_chain
"""

from __future__ import annotations

from alembic import op

revision = "0010_any_learner"
down_revision = "0009_prediction_chain"

KINDS = "kind IN ('random_walk', 'lightgbm')"


def upgrade() -> None:
    with op.batch_alter_table("model_version") as table:
        table.drop_constraint("ck_model_version_kind", type_="check")


def downgrade() -> None:
    with op.batch_alter_table("model_version") as table:
        table.create_check_constraint("ck_model_version_kind", KINDS)
