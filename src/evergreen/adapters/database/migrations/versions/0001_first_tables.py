"""The first tables.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _who_serves_what()
    _what_was_said_and_came_true()
    _retraining()
    _what_was_done()
    _models_and_features()
    _start_the_chain()
    if op.get_bind().dialect.name == "sqlite":
        _append_only_on_sqlite()
    else:
        _append_only_on_postgresql()


def _who_serves_what() -> None:
    op.create_table(
        "rollout",
        *_texts("model", "champion"),
        sa.Column("previous_champion", sa.Text()),
        sa.Column("challenger", sa.Text()),
        *_texts("stage"),
        sa.Column("weight", sa.Integer(), nullable=False),
        *_texts("salt"),
        sa.Column("evidence", sa.Text()),
        sa.Column("stage_session", _session(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", _utc(), nullable=False),
        sa.CheckConstraint("(stage = 'steady') = (challenger IS NULL)", name="ck_rollout_challenger"),
        sa.CheckConstraint(
            "stage IN ('steady', 'shadow', 'canary_5', 'canary_25', 'canary_50')", name="ck_rollout_stage"
        ),
        sa.CheckConstraint("weight BETWEEN 0 AND 10000", name="ck_rollout_weight"),
        sa.PrimaryKeyConstraint("model", name="pk_rollout"),
    )
    op.create_table(
        "decision",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", _utc(), nullable=False),
        *_texts("model", "kind"),
        sa.Column("as_of", _session(), nullable=False),
        *_texts("subject", "summary", "evidence", "prev_hash", "hash"),
        sa.PrimaryKeyConstraint("seq", name="pk_decision"),
    )
    op.create_index("ix_decision_subject", "decision", ["subject"])
    op.create_table(
        "decision_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        *_texts("hash"),
        sa.CheckConstraint("id = 1", name="ck_decision_head_single"),
        sa.PrimaryKeyConstraint("id", name="pk_decision_head"),
    )


def _what_was_said_and_came_true() -> None:
    op.create_table(
        "prediction",
        *_texts("id"),
        sa.Column("at", _utc(), nullable=False),
        *_texts("client", "ticker"),
        sa.Column("as_of", _session(), nullable=False),
        *_texts("arm", "version"),
        sa.Column("price", sa.Float(), nullable=False),
        sa.Column("lower", sa.Float(), nullable=False),
        sa.Column("upper", sa.Float(), nullable=False),
        sa.Column("last_close", sa.Float(), nullable=False),
        sa.Column("forecast", sa.Float(), nullable=False),
        *_texts("feature_hash", "champion_version"),
        sa.Column("champion_raw", sa.Float(), nullable=False),
        sa.Column("challenger_version", sa.Text()),
        sa.Column("challenger_raw", sa.Float()),
        sa.Column("rollout_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_prediction"),
    )
    op.create_index("ix_prediction_as_of", "prediction", ["as_of"])
    op.create_index("ix_prediction_at", "prediction", ["at"])
    op.create_table(
        "forecast",
        sa.Column("session", _session(), nullable=False),
        *_texts("ticker", "version"),
        sa.Column("value", sa.Float()),
        *_texts("feature_hash"),
        sa.Column("made_at", _utc(), nullable=False),
        sa.PrimaryKeyConstraint("version", "session", "ticker", name="pk_forecast"),
    )
    op.create_table(
        "outcome",
        *_texts("ticker"),
        sa.Column("session", _session(), nullable=False),
        sa.Column("horizon", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("known_at", _utc(), nullable=False),
        *_texts("data_version"),
        sa.PrimaryKeyConstraint("session", "horizon", "ticker", name="pk_outcome"),
    )


def _retraining() -> None:
    op.create_table(
        "retrain_request",
        *_texts("id", "key", "model", "cause"),
        sa.Column("as_of", _session(), nullable=False),
        *_texts("data_version", "evidence", "state"),
        sa.Column("claimed_by", sa.Text()),
        sa.Column("lease_until", _utc()),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("version", sa.Text()),
        sa.Column("verdict", sa.Text()),
        sa.Column("created_at", _utc(), nullable=False),
        sa.Column("finished_at", _utc()),
        sa.CheckConstraint("state IN ('pending', 'running', 'done', 'failed')", name="ck_retrain_request_state"),
        sa.PrimaryKeyConstraint("id", name="pk_retrain_request"),
        sa.UniqueConstraint("key", name="uq_retrain_request_key"),
    )
    op.create_index("ix_retrain_request_model_state", "retrain_request", ["model", "state"])
    op.create_table(
        "trial",
        sa.Column("id", sa.Integer(), nullable=False),
        *_texts("model", "champion", "challenger"),
        sa.Column("window_start", _session(), nullable=False),
        sa.Column("window_end", _session(), nullable=False),
        sa.Column("as_of", _session(), nullable=False),
        sa.Column("request_id", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_trial"),
        sa.UniqueConstraint("model", "champion", "challenger", name="uq_trial_model_champion_challenger"),
    )


def _what_was_done() -> None:
    op.create_table(
        "data_version",
        *_texts("id"),
        sa.Column("created_at", _utc(), nullable=False),
        sa.Column("as_of", _session(), nullable=False),
        sa.Column("rows_added", sa.Integer(), nullable=False),
        sa.Column("rows_refused", sa.Integer(), nullable=False),
        sa.Column("restated", sa.Integer(), nullable=False),
        sa.Column("first_session", _session()),
        sa.Column("last_session", _session()),
        *_texts("source"),
        sa.Column("parent", sa.Text()),
        *_texts("report"),
        sa.PrimaryKeyConstraint("id", name="pk_data_version"),
    )
    op.create_table(
        "session_log",
        *_texts("model"),
        sa.Column("as_of", _session(), nullable=False),
        sa.Column("data_version", sa.Text()),
        sa.Column("finished_at", _utc(), nullable=False),
        *_texts("report"),
        sa.PrimaryKeyConstraint("model", "as_of", name="pk_session_log"),
    )
    op.create_table(
        "drift_check",
        *_texts("model"),
        sa.Column("as_of", _session(), nullable=False),
        *_texts("version"),
        sa.Column("p_value", sa.Float()),
        sa.Column("statistic", sa.Float()),
        sa.Column("drifted", sa.Boolean(), nullable=False),
        *_texts("verdict", "culprits"),
        sa.Column("window_start", _session()),
        sa.Column("window_end", _session()),
        sa.PrimaryKeyConstraint("model", "as_of", "version", name="pk_drift_check"),
    )


def _models_and_features() -> None:
    op.create_table(
        "model_version",
        *_texts("model", "version", "run_id", "sha256"),
        sa.Column("as_of", _session(), nullable=False),
        sa.Column("data_version", sa.Text()),
        sa.Column("request_id", sa.Text()),
        sa.Column("created_at", _utc(), nullable=False),
        *_texts("kind"),
        sa.CheckConstraint("kind IN ('random_walk', 'lightgbm')", name="ck_model_version_kind"),
        sa.PrimaryKeyConstraint("model", "version", name="pk_model_version"),
    )
    op.create_table(
        "materialization",
        *_texts("view"),
        sa.Column("watermark", _utc(), nullable=False),
        sa.Column("session", _session(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("finished_at", _utc(), nullable=False),
        sa.PrimaryKeyConstraint("view", name="pk_materialization"),
    )


def _start_the_chain() -> None:
    op.execute(f"INSERT INTO decision_head (id, seq, hash) VALUES (1, 0, '{'0' * 64}')")


def _append_only_on_sqlite() -> None:
    refuse = "BEGIN SELECT RAISE(ABORT, 'decision is append-only'); END"
    op.execute(f"CREATE TRIGGER decision_no_update BEFORE UPDATE ON decision {refuse}")
    op.execute(f"CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision {refuse}")
    # INSERT OR REPLACE deletes without firing the trigger above
    op.execute(
        "CREATE TRIGGER decision_no_replace BEFORE INSERT ON decision"
        f" WHEN EXISTS (SELECT 1 FROM decision WHERE seq = NEW.seq) {refuse}"
    )


def _append_only_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION decision_is_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'decision is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decision"
        " FOR EACH STATEMENT EXECUTE FUNCTION decision_is_append_only()"
    )


def _utc() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def _session() -> sa.String:
    return sa.String(length=10)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]
