"""Databases for the tests: a SQLite file, and a real PostgreSQL server for each process of pytest that needs one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.history.schema_revisions import SHIPPED
from tests.history.postgres_cluster import PostgresCluster, programs


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    if programs() is None:
        pytest.skip("system package postgresql is missing")
    with PostgresCluster() as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres: PostgresCluster) -> str:
    """An empty database."""
    return postgres.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The place for a new history, in each kind of database."""
    if request.param == "sqlite":
        return str(tmp_path / "history.db")
    url = request.getfixturevalue("postgres_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The migrations of a later harness, with a second revision that adds a table."""
    folder = tmp_path_factory.mktemp("later") / "100% migrations"
    (folder / "versions").mkdir(parents=True)
    for file in ("env.py", "versions/r0001_first_tables.py"):
        (folder / file).write_bytes((SHIPPED / file).read_bytes())
    (folder / "versions" / "r0002_more.py").write_text(
        'import sqlalchemy as sa\nfrom alembic import op\n\nrevision = "0002"\ndown_revision = "0001"\n\n\n'
        'def upgrade():\n    op.create_table("more", sa.Column("id", sa.Integer, primary_key=True))\n'
    )
    return folder
