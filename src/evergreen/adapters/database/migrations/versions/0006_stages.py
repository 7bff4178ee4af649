"""The stages of a canary are a ladder that a person chooses: the database no longer names them.

Revision ID: 0006_stages
Revises: 0005_latency
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_stages"
down_revision = "0005_latency"

STAGES = ("steady", "shadow", "canary_5", "canary_25", "canary_50")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(_table(_steady_alone(), _weight()))
    else:
        op.drop_constraint("ck_rollout_stage", "rollout", type_="check")


def downgrade() -> None:
    """A stage that the older schema has no name for becomes the smallest that answers clients, its weight as it is."""
    names = ", ".join(f"'{stage}'" for stage in STAGES)
    op.execute(f"UPDATE rollout SET stage = 'canary_5' WHERE stage NOT IN ({names})")
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(_table(_steady_alone(), _weight(), sa.CheckConstraint(f"stage IN ({names})", name="ck_rollout_stage")))
    else:
        op.create_check_constraint("ck_rollout_stage", "rollout", f"stage IN ({names})")


def _rebuild(table: sa.Table) -> None:
    """SQLite cannot drop a constraint: the rows move to a table without it."""
    with op.batch_alter_table("rollout", copy_from=table, recreate="always"):
        pass


def _table(*constraints: sa.CheckConstraint) -> sa.Table:
    return sa.Table(
        "rollout",
        sa.MetaData(),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("champion", sa.Text(), nullable=False),
        sa.Column("previous_champion", sa.Text()),
        sa.Column("challenger", sa.Text()),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text()),
        sa.Column("stage_session", sa.String(length=10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("model", name="pk_rollout"),
        *constraints,
    )


def _steady_alone() -> sa.CheckConstraint:
    return sa.CheckConstraint("(stage = 'steady') = (challenger IS NULL)", name="ck_rollout_challenger")


def _weight() -> sa.CheckConstraint:
    return sa.CheckConstraint("weight BETWEEN 0 AND 10000", name="ck_rollout_weight")
