"""Directs the harness's log: `--verbose` and `HARNESS_LOG`. It never goes to stdout.

`-v` shows on stderr what happens, `-vv` also each command sent to a device. `HARNESS_LOG=info` and `HARNESS_LOG=debug` do the same without
an option; any other value is a file to which everything is appended. A run always keeps its own log (`runs.run_log`).
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import click

from harness.errors import UsageError
from harness.runs.run_log import LOGGER, TRACEBACK_FILE, EarlyRecords, IgnoresWriteErrors, LineFormatter, internal_error

VARIABLE = "HARNESS_LOG"
_LEVELS = {"info": logging.INFO, "debug": logging.DEBUG}
_NO_LEVEL = logging.CRITICAL + 1


class _Stderr(IgnoresWriteErrors):
    """Writes to the current `sys.stderr`."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        try:
            click.echo(self.format(record), err=True)
        except Exception:
            self.handleError(record)


_WARNED_OF = ("harness.runs.run_store", "harness.api.usual_spread")


class _Warnings(IgnoresWriteErrors):
    """Prints warnings about a run that was read, or a history that could not be, on stderr, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.addFilter(lambda record: record.name in _WARNED_OF)
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        message = record.getMessage()
        if message not in self._said:
            self._said.add(message)
            click.echo(f"warning: {message}", err=True)


class _LogFile(IgnoresWriteErrors, logging.FileHandler):
    """Writes to the file that the user named."""


def configure(verbosity: int = 0) -> None:
    """Send the log where the user wants it. A second call replaces the first one's setup.

    Args:
        verbosity: how often `-v` was given.

    Raises:
        UsageError: the file in the environment variable cannot be written.
    """
    logger = logging.getLogger(LOGGER)
    for handler in [*logger.handlers]:
        logger.removeHandler(handler)
        handler.close()
    wish = os.environ.get(VARIABLE, "")
    if wish.upper() in logging.getLevelNamesMapping() and wish.lower() not in _LEVELS:
        raise UsageError(f"{VARIABLE} is {wish!r}", remedy="info, debug or a file (./NAME for one of that name)")
    shown = min(_LEVELS.get(wish.lower(), _NO_LEVEL), (_NO_LEVEL, logging.INFO, logging.DEBUG)[min(verbosity, 2)])
    handlers: list[logging.Handler] = [EarlyRecords(), _Warnings()]
    if shown < _NO_LEVEL:
        handlers.append(_Stderr(shown))
    if wish and wish.lower() not in _LEVELS:
        handlers.append(_log_file(Path(wish)))
    for handler in handlers:
        handler.setFormatter(LineFormatter())
        logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)


def add_verbose_option(command: click.Command) -> click.Command:
    """Add `-v` to a command; it works before and after a verb."""
    if not any(parameter.name == "verbose" for parameter in command.params):
        command.params.append(
            click.Option(
                ["-v", "--verbose"],
                count=True,
                expose_value=False,
                is_eager=True,
                callback=_asked,
                help=f"Log to stderr; -vv also logs each command sent to a device. {VARIABLE}=FILE logs all of it to a file.",
            )
        )
    return command


def keep_traceback(error: Exception) -> str:
    """Save an unexpected error's traceback, in the run's folder once there is one, and return a line that names the file."""
    logger = logging.getLogger(LOGGER)
    logger.error("an error that nobody foresaw", exc_info=error)
    for handler in logger.handlers:
        if isinstance(handler, EarlyRecords) and handler.logs is not None:
            return internal_error(error, "", handler.logs / TRACEBACK_FILE)
    try:
        handle, name = tempfile.mkstemp(prefix="harness-internal-error-", suffix=".txt")
    except OSError:
        return internal_error(error, "", None)
    os.close(handle)
    return internal_error(error, "", Path(name))


def _asked(ctx: click.Context, parameter: click.Parameter, count: int) -> None:
    del ctx, parameter
    if count:
        configure(count)


def _log_file(path: Path) -> logging.Handler:
    try:
        return _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{VARIABLE}: cannot write {path}: {error.strerror}", remedy="info, debug or a file") from None
