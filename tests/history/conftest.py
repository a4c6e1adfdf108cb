"""Databases for the tests: a SQLite file, and a real PostgreSQL server for each process of pytest that needs one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
