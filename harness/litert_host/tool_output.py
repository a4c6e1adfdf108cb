"""Prints information and warnings to stdout, errors to stderr. Each line is flushed, so a killed process leaves all its lines."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterable
from typing import NoReturn


def info(text: str) -> None:
    """Print an `INFO: ` line on stdout."""
    sys.stdout.write(f"INFO: {text}\n")
    sys.stdout.flush()


def plain(lines: Iterable[str]) -> None:
    """Print lines without a level on stdout."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def warning(text: str) -> None:
    """Print a `WARN: ` line on stdout."""
    sys.stdout.write(f"WARN: {text}\n")
    sys.stdout.flush()


def error(text: str) -> None:
    """Print an `ERROR: ` line on stderr."""
    sys.stderr.write(f"ERROR: {text}\n")
    sys.stderr.flush()


def fatal(text: str) -> NoReturn:
    """Print a `FATAL: ` line on stderr, then abort without a core file (SIGABRT: exit code 134 in a shell)."""
    sys.stderr.write(f"FATAL: {text}\n")
    sys.stderr.flush()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()
