"""The first tables of the history: runs with their devices, trials and ops, series of estimates, changes, kept files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# A migration keeps its own copy of the tables as they were: those of the program go on changing.
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "runs",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("run_id", sa.Text, nullable=False, unique=True),
        sa.Column("suite", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("harness_version", sa.Text, nullable=False),
        sa.Column("host", sa.JSON, nullable=False),
        sa.Column("finished", sa.Boolean, nullable=False),
        sa.Column("results", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("added_at", _MOMENT, nullable=False),
        sa.Column("logs_pruned_at", _MOMENT),
    )
    op.create_index("ix_runs_started_at", "runs", ["started_at"])
    op.create_table(
        "labels",
        sa.Column("run", _ID, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "devices",
        sa.Column("run", _ID, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("serial", sa.Text, primary_key=True),
        sa.Column("model", sa.Text),
        sa.Column("android", sa.Text),
        sa.Column("fingerprint", sa.Text),
        sa.Column("config", sa.Text),
        sa.Column("virtual", sa.Boolean, nullable=False),
    )
    op.create_table(
        "series",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("variant", sa.Text, nullable=False),
        sa.Column("delegate", sa.Text, nullable=False),
        sa.Column("threads", sa.Integer, nullable=False),
        sa.Column("cpus", sa.Text, nullable=False),
        sa.Column("start", sa.Text, nullable=False),
        sa.Column("binary", sa.Text, nullable=False),
        sa.Column("metric", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.UniqueConstraint("device", "model", "variant", "delegate", "threads", "cpus", "start", "binary", "metric"),
    )
    op.create_table(
        "estimates",
        sa.Column("series", _ID, sa.ForeignKey("series.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("run", _ID, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("processes", sa.Integer, nullable=False),
        sa.Column("spread", sa.Float),
        sa.Column("ci_low", sa.Float),
        sa.Column("ci_high", sa.Float),
        sa.Column("model_sha256", sa.Text, nullable=False),
        sa.Column("binary_sha256", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text),
        sa.Column("governor", sa.Text),
        sa.Column("config", sa.Text),
        sa.Column("asked", sa.Text, nullable=False),
        sa.Column("synthetic", sa.Boolean, nullable=False),
        sa.Column("output_differs", sa.Boolean, nullable=False),
    )
    op.create_index("ix_estimates_run", "estimates", ["run"])
    op.create_table(
        "trials",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("run", _ID, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("trial_id", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("variant", sa.Text, nullable=False),
        sa.Column("delegate", sa.Text, nullable=False),
        sa.Column("threads", sa.Integer, nullable=False),
        sa.Column("cpus", sa.Text, nullable=False),
        sa.Column("start", sa.Text, nullable=False),
        sa.Column("binary", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("process", sa.Integer, nullable=False),
        sa.Column("block", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("causes", sa.Text, nullable=False),
        sa.Column("synthetic", sa.Boolean, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("model_sha256", sa.Text, nullable=False),
        sa.Column("binary_sha256", sa.Text),
        sa.Column("inference_avg_us", sa.Float),
        sa.Column("median_us", sa.Float),
        sa.Column("p5_us", sa.Float),
        sa.Column("p95_us", sa.Float),
        sa.Column("init_us", sa.Float),
        sa.Column("first_inference_us", sa.Float),
        sa.Column("peak_memory_mb", sa.Float),
        sa.Column("memory_mb", sa.Float),
        sa.Column("temperature_before_c", sa.Float),
        sa.Column("thermal_status_after", sa.Integer),
        sa.Column("frequency_khz", sa.Integer),
        sa.UniqueConstraint("run", "trial_id"),
    )
    op.create_table(
        "ops",
        sa.Column("trial", _ID, sa.ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("node_type", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("cost_us", sa.Float),
        sa.Column("times_called", sa.Integer),
    )
    op.create_table(
        "blobs",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("added_at", _MOMENT, nullable=False),
        sa.Column("last_run", _ID, sa.ForeignKey("runs.id", ondelete="SET NULL")),
    )
    op.create_table(
        "changes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("group_id", sa.Text, nullable=False),
        sa.Column("series", _ID, sa.ForeignKey("series.id", ondelete="CASCADE"), nullable=False),
        sa.Column("first_bad", sa.Text, nullable=False),
        sa.Column("first_bad_at", _MOMENT, nullable=False),
        sa.Column("last_good", sa.Text, nullable=False),
        sa.Column("last_good_at", _MOMENT, nullable=False),
        sa.Column("before", sa.Float, nullable=False),
        sa.Column("after", sa.Float, nullable=False),
        sa.Column("ratio", sa.Float, nullable=False),
        sa.Column("ci_low", sa.Float, nullable=False),
        sa.Column("ci_high", sa.Float, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("found_at", _MOMENT, nullable=False),
        sa.Column("explained_by", sa.JSON, nullable=False),
        sa.Column("evidence", sa.JSON),
        sa.Column("accepted_at", _MOMENT),
        sa.Column("decided_at", _MOMENT),
        sa.Column("decided_ratio", sa.Float),
        sa.Column("decided_ci_low", sa.Float),
        sa.Column("decided_ci_high", sa.Float),
        sa.Column("muted_at", _MOMENT),
        sa.Column("muted_until", _MOMENT),
        sa.Column("notified_at", _MOMENT),
        sa.Column("unseen_since", _MOMENT),
        sa.Column("mended_since", _MOMENT),
        sa.Column("notes", sa.JSON, nullable=False),
    )
    op.create_index("ix_changes_series", "changes", ["series"])
    op.create_index("ix_changes_first_bad_at", "changes", ["first_bad_at"])
