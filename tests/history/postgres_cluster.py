"""A PostgreSQL server of the tests' own: Debian's package, in a temporary folder, reached only through a socket there."""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

_PR_SET_PDEATHSIG = 1
_SETTINGS = ("listen_addresses=", "fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_wal_size=256MB")
_names = itertools.count(1)


def programs() -> Path | None:
    """The folder of the newest server that is installed; Debian keeps it off the PATH."""
    debian = Path("/usr/lib/postgresql")
    there = [path.parent for path in debian.glob("*/bin/initdb")] if debian.is_dir() else []
    if there:
        return max(there, key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class PostgresCluster:
    """A running server; a context manager. Without the rights of root: PostgreSQL refuses those."""

    def __init__(self) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        self._user = "postgres" if os.geteuid() == 0 else None
        # The path of a socket has room for about 100 characters, and pytest's folders are long.
        self._folder = Path(tempfile.mkdtemp(prefix="harness-pg-"))
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PostgresCluster:
        try:
            if self._user is not None:
                shutil.chown(self._folder, self._user, self._user)
            self._run("initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync")
            hba = self._data / "pg_hba.conf"
            hba.write_text("local all secretive scram-sha-256\nlocal all all trust\n", encoding="ascii")
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *args: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = [word for one in _SETTINGS for word in ("-c", one)]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-k", self._folder, *settings],
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.parameters("postgres")).close()
            except psycopg.OperationalError:
                assert self._server.poll() is None, (self._folder / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End the server at once, whoever is connected."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait()
            self._server = None

    def new_database(self) -> str:
        """Make an empty database, and return its URL."""
        name = f"history {os.getpid()} {next(_names)}"  # a space: a name is no bare word everywhere
        self.execute(sql.SQL("CREATE DATABASE {} STRATEGY wal_log").format(sql.Identifier(name)))
        return self.url(name)

    def url(self, name: str, user: str = "postgres") -> str:
        """The URL of a database."""
        return f"postgresql://{user}@/{quote(name)}?host={quote(str(self._folder))}"

    def parameters(self, name: str) -> str:
        """The same as psycopg takes it."""
        return f"host='{self._folder}' user=postgres dbname='{name}'"

    def execute(self, statement: sql.Composed | sql.SQL) -> None:
        """Run a statement outside of any transaction."""
        with psycopg.connect(self.parameters("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


_prctl: Callable[..., int] = ctypes.CDLL(None).prctl


def _end_with_parent() -> None:
    """A test run that is killed leaves no server behind."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
