"""The log of a run, `RUN/logs/harness.log`, and tracebacks of bugs, `RUN/logs/internal-error.txt`.

The log holds all records of the harness's loggers during the run, down to each command sent to a device; records from before the run had a
folder come first. It is bounded: when it is full, it replaces `harness.log.1`.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import logging.handlers
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from harness.files.terminal_text import printable

LOGGER = "harness"
"""Parent of all loggers of this package."""

LINE = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"
"""Format of a log line."""

LOG_FILE = "harness.log"
TRACEBACK_FILE = "internal-error.txt"

_MOST_BYTES = 1 << 20
"""Size at which the log begins anew. One earlier part is kept, so a run keeps at most twice as much."""
_MOST_EARLY = 1000


class EarlyRecords(logging.Handler):
    """Keeps the latest records until a run has a folder for them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.logs: Path | None = None
        """The `logs` folder of the latest run, if there is one."""
        self.kept: deque[logging.LogRecord] = deque(maxlen=_MOST_EARLY)

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        self.kept.append(record)


class IgnoresWriteErrors(logging.Handler):
    """Ignores a full disk or a closed pipe: a log must not disturb the work that it describes."""

    def handleError(self, record: logging.LogRecord) -> None:  # logging's name
        """See `logging.Handler.handleError`."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class LineFormatter(logging.Formatter):
    """Formats a record as one line. Text of a device in it can neither move a terminal's cursor nor fake another line."""

    def __init__(self) -> None:
        super().__init__(LINE)

    def formatMessage(self, record: logging.LogRecord) -> str:  # logging's name
        """See `logging.Formatter.formatMessage`."""
        return printable(super().formatMessage(record))


_run: contextvars.ContextVar[Path | None] = contextvars.ContextVar("run", default=None)
"""The `logs` folder of the run for which the present thread works."""


class _RunLogFile(IgnoresWriteErrors, logging.handlers.RotatingFileHandler):
    """Writes `RUN/logs/harness.log`: the records of that run only, even if others go on at the same time."""

    def __init__(self, logs: Path) -> None:
        super().__init__(logs / LOG_FILE, maxBytes=_MOST_BYTES, backupCount=1, encoding="utf-8", delay=True)
        self.setFormatter(LineFormatter())
        self.addFilter(lambda _: _run.get() == logs)


class _Verbosity:
    """Makes the package's loggers log everything during runs; the user's own logging gets what it got before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = 0
        self._before = (logging.NOTSET, True)
        self._forward = _ToTheUser()

    def raise_(self) -> None:
        """A run begins."""
        logger = logging.getLogger(LOGGER)
        with self._lock:
            self._runs += 1
            if self._runs > 1:
                return
            self._before = (logger.level, logger.propagate)
            if logger.propagate:
                self._forward.setLevel(logger.getEffectiveLevel())
                logger.addHandler(self._forward)
            logger.propagate = False
            logger.setLevel(logging.DEBUG)

    def lower(self) -> None:
        """A run has ended."""
        logger = logging.getLogger(LOGGER)
        with self._lock:
            self._runs -= 1
            if self._runs:
                return
            logger.removeHandler(self._forward)
            level, logger.propagate = self._before
            logger.setLevel(level)


class _ToTheUser(logging.Handler):
    """Forwards records to the root logger's handlers."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        root = logging.getLogger()
        if root.handlers:
            root.callHandlers(record)


_verbosity = _Verbosity()


@contextlib.contextmanager
def run_log(logs: Path) -> Iterator[None]:
    """Log into a run's `logs` folder, from this thread and those that copy its context. A resumed run continues its log."""
    logger = logging.getLogger(LOGGER)
    handler = _RunLogFile(logs)
    token = _run.set(logs)
    for early in logger.handlers:
        if isinstance(early, EarlyRecords):
            early.logs = logs
            while early.kept:
                handler.handle(early.kept.popleft())
    logger.addHandler(handler)
    _verbosity.raise_()
    try:
        yield
    finally:
        _verbosity.lower()
        logger.removeHandler(handler)
        handler.close()
        _run.reset(token)


def internal_error(error: Exception, where: str, file: Path | None) -> str:
    """Keep the traceback of a bug in the harness, and return one line that names the file.

    Args:
        error: the exception.
        where: the work that it stopped, such as ` on SERIAL`; may be empty.
        file: file to append the traceback to; None to keep none.
    """
    words = " ".join(f"{type(error).__name__}: {error}".split())
    line = f"internal error{where}: {words if len(words) <= 300 else f'{words[:299]}…'}"
    told = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}\n{''.join(traceback.format_exception(error))}\n"
    if file is None:
        return f"{line}; this is a bug in the harness"
    try:
        with file.open("a", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(told)
    except OSError:
        return f"{line}; this is a bug in the harness"
    return f"{line}; this is a bug in the harness, see {file}"
