"""Runs Git for questions and a few actions. The user's settings cannot change an answer."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from harness.errors import SetupError

_TIMEOUT_S = 300.0

# A hook or `git rebase --exec` sets these to the repository that Git works in, which is not the one in question.
_OF_A_CALLER = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_EXTERNAL_DIFF",
)


def ask(path: Path, *arguments: str) -> str:
    """Ask Git a question. The answer is empty if Git fails silently (`rev-parse --verify --quiet`).

    Raises:
        SetupError: Git cannot answer: it is not installed, or the repository is damaged or another user's.
    """
    done = _run(path, arguments, _TIMEOUT_S)
    if done.returncode != 0 and done.stderr.strip():
        raise _refusal(path, arguments, done)
    return _answer(done)


def try_to_ask(path: Path, *arguments: str) -> str:
    """Ask as `ask` does, but return an empty answer on errors: the user's word means nothing there, or the repository is unfinished."""
    return _answer(_run(path, arguments, _TIMEOUT_S))


def told(path: Path, *arguments: str, timeout_s: float = _TIMEOUT_S, remedy: str | None = None) -> bytes:
    """Run a command that must not fail, and return its output.

    Raises:
        SetupError: the command failed, with Git's own reason.
    """
    done = _run(path, arguments, timeout_s)
    if done.returncode != 0:
        raise _refusal(path, arguments, done, remedy)
    return done.stdout


def _answer(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stdout.decode("utf-8", "surrogateescape").strip() if done.returncode == 0 else ""


def _refusal(
    path: Path, arguments: tuple[str, ...], done: subprocess.CompletedProcess[bytes], remedy: str | None = None
) -> SetupError:
    said = "".join(c if c.isprintable() or c == "\n" else " " for c in done.stderr.decode(errors="replace"))
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    why = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[0] if lines else "")
    if "dubious ownership" in why:
        remedy = f"it belongs to another user: git config --global --add safe.directory {shlex.quote(str(path))}"
    return SetupError(
        f"git {arguments[0]} in {path}: {why or f'exit code {done.returncode}'}",
        remedy=remedy or f"see what `git -C {shlex.quote(str(path))} status` says",
    )


def _run(path: Path, arguments: tuple[str, ...], timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_CALLER}
    try:
        return subprocess.run(
            ["git", "-C", str(path), *arguments],
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={**environment, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise SetupError("git is not installed", remedy="apt-get install git") from None
    except subprocess.TimeoutExpired:
        raise SetupError(
            f"git {arguments[0]} in {path}: no end within {timeout_s:g} s", remedy="see the disk and the network"
        ) from None
