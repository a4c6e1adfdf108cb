"""Runs migrations on the connection that `harness.history.schema_revisions` gives, inside its transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from harness.history.schema_revisions import VERSION_TABLE
from harness.history.tables import metadata

_given: Connection = context.config.attributes["connection"]
context.configure(
    connection=_given,
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=_given.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
