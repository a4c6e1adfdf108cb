"""Sends the notification of a night: JSON to the standard input of a command, and as a POST to a web hook.

Names of models, devices and suites are text of strangers. They are only in the JSON. The command's environment has only counts, and paths
from your own options. No shell reads either.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from harness.errors import SetupError, UsageError
from harness.files.interrupts import interrupts_held_back

COMMAND_S = 60.0
"""Seconds after which the command is ended."""
_TIMEOUT_S = (10.0, 30.0)
_ATTEMPTS = 4
_PAUSE_S = 1.0
_AGAIN = (408, 425, 429)
"""HTTP status codes after which another attempt may succeed, apart from 5xx."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The content of a notification."""

    document: Mapping[str, Any]
    """The facts; `text` is a sentence for a chat."""
    variables: Mapping[str, str]
    """Short words for the environment of a command, without strangers' text."""


def parse_command(words: str) -> tuple[str, ...]:
    """Split `--notify-command` into words as a shell does. No shell runs it.

    Raises:
        UsageError: a quote is not closed, or there is no word.
    """
    try:
        found = shlex.split(words)
    except ValueError as error:
        raise UsageError(f"--notify-command {words!r}: {error}") from None
    if not found:
        raise UsageError("--notify-command names no command")
    return tuple(found)


def check_url(url: str) -> str:
    """Return the address of a web hook.

    Raises:
        UsageError: it is no http or https address. The message does not repeat it: its path is often a secret.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError("--notify-url is no http or https address", remedy="https://chat.example/hooks/...")
    return url


def run_command(command: Sequence[str], notice: Notice, *, timeout_s: float = COMMAND_S) -> None:
    """Run a command with the facts as JSON on its standard input. What it prints goes to standard error.

    Raises:
        SetupError: it cannot be started, fails, or takes too long.
    """
    text = json.dumps(notice.document, indent=1).encode()
    shown = command[0]
    process = None
    try:
        with interrupts_held_back():
            process = _started(command, notice)
        process.communicate(text, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise SetupError(f"the notification command {shown} took longer than {timeout_s:g} s and was ended") from None
    finally:
        if process is not None and process.poll() is None:
            _end(process)
    if process.returncode:
        raise SetupError(f"the notification command {shown} failed: exit code {process.returncode}")


def _started(command: Sequence[str], notice: Notice) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=2, env={**os.environ, **notice.variables}, start_new_session=True
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SetupError(f"the notification command {command[0]} cannot be started: {reason}") from None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a command with all processes that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def post(url: str, notice: Notice, *, pause_s: float = _PAUSE_S) -> None:
    """Send the facts to a web hook. Try again if the server is busy or unreachable.

    Args:
        url: its address.
        notice: the facts.
        pause_s: seconds before the second attempt; each further one waits twice as long.

    Raises:
        SetupError: it does not accept them. The message names only its host: the path is often a secret.
    """
    host = urlsplit(url).hostname
    reason = ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(pause_s * 2 ** (attempt - 1))
        try:
            answer = requests.post(url, json=notice.document, timeout=_TIMEOUT_S, allow_redirects=False)
        except requests.Timeout:
            reason = "it does not answer"
        except requests.ConnectionError:
            reason = "it is not reached"
        except (requests.RequestException, ValueError) as error:
            raise SetupError(f"the web hook at {host} cannot be used: {type(error).__name__}") from None
        else:
            if answer.ok and not answer.is_redirect:
                return
            reason = f"it answers {answer.status_code}"
            if answer.status_code < 500 and answer.status_code not in _AGAIN:
                break
    raise SetupError(
        f"the web hook at {host} did not take the notification: {reason}", remedy="see its address, and the network"
    )
