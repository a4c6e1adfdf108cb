"""Where the history is: `--database`, `HARNESS_DATABASE`, or the user's own file."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from harness.errors import UsageError
from harness.files.user_folders import history_file

VARIABLE = "HARNESS_DATABASE"
"""Environment variable with the address of the history."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_POSTGRES = ("postgresql+psycopg", "postgresql", "postgres")
_SQLITE = ("sqlite", "sqlite+pysqlite")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseAddress:
    """The address of a history: a SQLite file, or a PostgreSQL database."""

    file: Path | None = None
    """The SQLite file; None for PostgreSQL."""
    url: str = ""
    """PostgreSQL's URL, `postgresql+psycopg://...`, with its password if it has one."""

    @property
    def shown(self) -> str:
        """The address for people, without a password."""
        if self.file is not None:
            return str(self.file)
        hidden = re.sub(r"(://[^/@]*?:).*@", r"\1***@", self.url)  # a password may hold a slash that nobody escaped
        return re.sub(r"([?&]password=)[^&]*", r"\1***", hidden)

    @property
    def argument(self) -> str:
        """The option for a printed command: ` --database X`, or nothing if the command finds it without."""
        return "" if parse_address() == self else f" --database {shlex.quote(self.shown)}"


def parse_address(named: str | None = None) -> DatabaseAddress:
    """Find the history.

    Args:
        named: a file or a URL; None for `HARNESS_DATABASE`, else the user's own file.

    Raises:
        UsageError: the history cannot be in a database with this URL.
    """
    words = named or os.environ.get(VARIABLE) or ""
    if not words:
        return DatabaseAddress(file=history_file())
    scheme = _SCHEME.match(words)
    if scheme is None:
        return DatabaseAddress(file=_absolute(words))
    rest = words[scheme.end() :]
    kind = scheme[1].lower()
    if kind in _SQLITE:
        path = unquote(rest.partition("?")[0])
        if not path.startswith("/") or path == "/":
            raise UsageError(f"{words} names no file", remedy="sqlite:///history.db, or the plain path of the file")
        return DatabaseAddress(file=_absolute(path[1:]))
    if kind in _POSTGRES:
        return DatabaseAddress(url=f"postgresql+psycopg://{rest}")
    raise UsageError(
        f"the history cannot be in a database of {scheme[1]}",
        remedy="a path for SQLite, or postgresql://USER@HOST/NAME",
    )


def _absolute(path: str) -> Path:
    if "\0" in path:
        raise UsageError("the name of the database holds a NUL character")
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100  # resolve() would follow a link, and name another file
