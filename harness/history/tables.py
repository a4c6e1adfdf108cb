"""Tables of the history, for SQLite and PostgreSQL. The migrations make them; a test compares the two.

The history stores a night's estimates beside their trials, so that a check over a year reads only some thousand rows. Raw logs stay in the
run's folder, which `runs.path` names.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
)

from harness.history.column_types import Moment, Words

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

# SQLite numbers rows by itself only if the key is INTEGER.
_ID = BigInteger().with_variant(Integer, "sqlite")

runs = Table(
    "runs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("run_id", Words, nullable=False, unique=True),
    Column("suite", Words, nullable=False),
    Column("path", Words, nullable=False),
    Column("started_at", Moment, nullable=False, index=True),
    Column("harness_version", Words, nullable=False),
    Column("host", JSON, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("results", Integer, nullable=False),
    Column("digest", Words, nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("logs_pruned_at", Moment),
)
"""`digest` is a hash of the files that the rows come from. If a resumed run has another one, one transaction replaces its rows."""

labels = Table(
    "labels",
    metadata,
    Column("run", _ID, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Words, primary_key=True),
    Column("value", Words, nullable=False),
)

devices = Table(
    "devices",
    metadata,
    Column("run", _ID, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("serial", Words, primary_key=True),
    Column("model", Words),
    Column("android", Words),
    Column("fingerprint", Words),
    Column("config", Words),
    Column("virtual", Boolean, nullable=False),
)

series = Table(
    "series",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("device", Words, nullable=False),
    Column("model", Words, nullable=False),
    Column("variant", Words, nullable=False),
    Column("delegate", Words, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("cpus", Words, nullable=False),
    Column("start", Words, nullable=False),
    Column("binary", Words, nullable=False),
    Column("metric", Words, nullable=False),
    Column("unit", Words, nullable=False),
    UniqueConstraint("device", "model", "variant", "delegate", "threads", "cpus", "start", "binary", "metric"),
)

estimates = Table(
    "estimates",
    metadata,
    Column("series", _ID, ForeignKey("series.id", ondelete="CASCADE"), primary_key=True),
    Column("run", _ID, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("value", Float, nullable=False),
    Column("processes", Integer, nullable=False),
    Column("spread", Float),
    Column("ci_low", Float),
    Column("ci_high", Float),
    Column("model_sha256", Words, nullable=False),
    Column("binary_sha256", Words, nullable=False),
    Column("fingerprint", Words),
    Column("governor", Words),
    Column("config", Words),
    Column("asked", Words, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("output_differs", Boolean, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("run", _ID, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("trial_id", Words, nullable=False),
    Column("device", Words, nullable=False),
    Column("model", Words, nullable=False),
    Column("variant", Words, nullable=False),
    Column("delegate", Words, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("cpus", Words, nullable=False),
    Column("start", Words, nullable=False),
    Column("binary", Words, nullable=False),
    Column("purpose", Words, nullable=False),
    Column("process", Integer, nullable=False),
    Column("block", Integer, nullable=False),
    Column("status", Words, nullable=False),
    Column("causes", Words, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("model_sha256", Words, nullable=False),
    Column("binary_sha256", Words),
    Column("inference_avg_us", Float),
    Column("median_us", Float),
    Column("p5_us", Float),
    Column("p95_us", Float),
    Column("init_us", Float),
    Column("first_inference_us", Float),
    Column("peak_memory_mb", Float),
    Column("memory_mb", Float),
    Column("temperature_before_c", Float),
    Column("thermal_status_after", Integer),
    Column("frequency_khz", Integer),
    UniqueConstraint("run", "trial_id"),
)

ops = Table(
    "ops",
    metadata,
    Column("trial", _ID, ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("node_type", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("cost_us", Float),
    Column("times_called", Integer),
)

blobs = Table(
    "blobs",
    metadata,
    Column("sha256", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("last_run", _ID, ForeignKey("runs.id", ondelete="SET NULL")),
)
"""Models and binaries of runs that were added here; the files are in the blob store (`harness.history.blob_store`)."""

changes = Table(
    "changes",
    metadata,
    Column("id", Words, primary_key=True),
    Column("group_id", Words, nullable=False),
    Column("series", _ID, ForeignKey("series.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("first_bad", Words, nullable=False),
    Column("first_bad_at", Moment, nullable=False),
    Column("last_good", Words, nullable=False),
    Column("last_good_at", Moment, nullable=False),
    Column("before", Float, nullable=False),
    Column("after", Float, nullable=False),
    Column("ratio", Float, nullable=False),
    Column("ci_low", Float, nullable=False),
    Column("ci_high", Float, nullable=False),
    Column("verdict", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("found_at", Moment, nullable=False),
    Column("explained_by", JSON, nullable=False),
    Column("evidence", JSON),
    Column("accepted_at", Moment),
    Column("decided_at", Moment),
    Column("decided_ratio", Float),
    Column("decided_ci_low", Float),
    Column("decided_ci_high", Float),
    Column("muted_at", Moment),
    Column("muted_until", Moment),
    Column("notified_at", Moment),
    Column("unseen_since", Moment),
    Column("mended_since", Moment),
    Column("notes", JSON, nullable=False),
)
"""`decided_*` is the size of the change when it was last accepted or refuted; growth beyond it reopens the change."""

Index("ix_changes_first_bad_at", changes.c.first_bad_at)
