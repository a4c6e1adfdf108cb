"""Tables of the history, for SQLite and PostgreSQL. The migrations make them; a test holds both against each other.

A night's estimates are stored beside the trials that they come from, so that a check over a year reads some thousand rows. Raw logs stay in
the run's folder, which `runs.path` names.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

# SQLite numbers rows by itself only where the key is INTEGER.
_ID = BigInteger().with_variant(Integer, "sqlite")

runs = Table(
    "runs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("run_id", Text, nullable=False, unique=True),
    Column("suite", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, index=True),
    Column("harness_version", Text, nullable=False),
    Column("host", JSON, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("results", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("logs_pruned_at", DateTime(timezone=True)),
)
"""`digest` is of the results that are stored: a resumed run has another one, and then its rows are replaced in one transaction."""

labels = Table(
    "labels",
    metadata,
    Column("run", _ID, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

devices = Table(
    "devices",
    metadata,
    Column("run", _ID, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("serial", Text, primary_key=True),
    Column("model", Text),
    Column("android", Text),
    Column("fingerprint", Text),
    Column("config", Text),
    Column("virtual", Boolean, nullable=False),
)

series = Table(
    "series",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("device", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("variant", Text, nullable=False),
    Column("delegate", Text, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("cpus", Text, nullable=False),
    Column("start", Text, nullable=False),
    Column("binary", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("unit", Text, nullable=False),
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
    Column("model_sha256", Text, nullable=False),
    Column("binary_sha256", Text, nullable=False),
    Column("fingerprint", Text),
    Column("governor", Text),
    Column("config", Text),
    Column("asked", Text, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("output_differs", Boolean, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("run", _ID, ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("trial_id", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("variant", Text, nullable=False),
    Column("delegate", Text, nullable=False),
    Column("threads", Integer, nullable=False),
    Column("cpus", Text, nullable=False),
    Column("start", Text, nullable=False),
    Column("binary", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("process", Integer, nullable=False),
    Column("block", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("causes", Text, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("model_sha256", Text, nullable=False),
    Column("binary_sha256", Text),
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
    Column("node_type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("cost_us", Float),
    Column("times_called", Integer),
)

blobs = Table(
    "blobs",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("last_run", _ID, ForeignKey("runs.id", ondelete="SET NULL")),
)
"""Models and binaries of runs that were added here; the files are in the blob store (`harness.history.blob_store`)."""

changes = Table(
    "changes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("group_id", Text, nullable=False),
    Column("series", _ID, ForeignKey("series.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("first_bad", Text, nullable=False),
    Column("first_bad_at", DateTime(timezone=True), nullable=False),
    Column("last_good", Text, nullable=False),
    Column("last_good_at", DateTime(timezone=True), nullable=False),
    Column("before", Float, nullable=False),
    Column("after", Float, nullable=False),
    Column("ratio", Float, nullable=False),
    Column("ci_low", Float, nullable=False),
    Column("ci_high", Float, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("found_at", DateTime(timezone=True), nullable=False),
    Column("explained_by", JSON, nullable=False),
    Column("evidence", JSON),
    Column("accepted_at", DateTime(timezone=True)),
    Column("muted_at", DateTime(timezone=True)),
    Column("muted_until", DateTime(timezone=True)),
    Column("notified_at", DateTime(timezone=True)),
    Column("unseen_since", DateTime(timezone=True)),
    Column("mended_since", DateTime(timezone=True)),
    Column("notes", JSON, nullable=False),
)

Index("ix_changes_first_bad_at", changes.c.first_bad_at)
