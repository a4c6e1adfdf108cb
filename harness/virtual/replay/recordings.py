"""Recorded outputs: their place, how a device's shell learns of them, and how they are read.

A recording is a text file: `# source: ...`, `# cmd: ...`, `# model_size_mb: N` if the output does not say it, `# ---- stdout ----`, `# ----
stderr ----`, `# exit: N`. Next to NAME.log there may be NAME.profile.log for a process that profiles, and NAME.cached.log for one that
finds a filled cache.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.errors import SetupError
from harness.virtual.replay.in_float16 import FLOAT16

VARIABLE = "HARNESS_REPLAY"
"""Environment variable of a virtual device's shell: `gpu=NAME;nnapi=/path/to.log`."""

_Delegate = TypeVar("_Delegate", bound=str)

_DATA = Path(__file__).resolve().parent / "data"
_OUT, _ERR = "# ---- stdout ----\n", "# ---- stderr ----\n"
_SIZE = re.compile(r"^# model_size_mb: (\d+\.?\d*)$", re.MULTILINE)
_EXIT = re.compile(r"^# exit: (\d{1,3})\s*\Z", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A process's recorded output and exit code."""

    name: str
    stdout: str
    stderr: str
    exit_code: int
    size_mb: float | None = None
    """Size of the recorded model, if the output itself does not say it."""


def shipped() -> tuple[str, ...]:
    """Return the names of the recordings that come with the harness."""
    return tuple(sorted(path.stem for path in _DATA.glob("*.log") if "." not in path.stem))


def path_of(word: str) -> Path:
    """Return the file that a profile means by a name or an absolute path.

    Raises:
        SetupError: there is none.
    """
    path = Path(word) if word.startswith("/") else _DATA / f"{word}.log"
    if ("/" in word.removeprefix("/") and not word.startswith("/")) or not path.is_file():
        raise SetupError(
            f"there is no recording {word!r}", remedy=f"one of {', '.join(shipped())}, or an absolute path"
        )
    return path


def replay_environment(replay: Mapping[_Delegate, str]) -> dict[str, str]:
    """Return the environment for a profile's `replay`; empty if it has none.

    Raises:
        SetupError: a recording is missing, or its path cannot be written into the variable.
    """
    if not replay:
        return {}
    for word in replay.values():
        if word != FLOAT16:
            path_of(word)
        if ";" in word:
            raise SetupError(f"the path of a recording holds a semicolon: {word!r}", remedy="rename it")
    return {VARIABLE: ";".join(f"{delegate}={word}" for delegate, word in replay.items())}


def read_environment(text: str) -> dict[str, str]:
    """Do the reverse of `replay_environment`."""
    pairs = (entry.partition("=") for entry in text.split(";") if entry)
    return {delegate: word for delegate, _, word in pairs}


def read_recording(word: str, *, profiled: bool, cached: bool) -> Recording:
    """Read the best recording: of a profiled process, of a cached start, else the plain one.

    Raises:
        SetupError: there is none, or the file is not a recording.
    """
    path = path_of(word)
    for wanted, kind in ((profiled, "profile"), (cached, "cached")):
        other = path.with_suffix(f".{kind}{path.suffix}")
        if wanted and other.is_file():
            path = other
            break
    text = path.read_text(encoding="utf-8", errors="replace")
    _, out_mark, rest = text.partition(_OUT)
    stdout, err_mark, tail = rest.partition(_ERR)
    end = _EXIT.search(tail)
    if not out_mark or not err_mark or end is None:
        raise SetupError(
            f"{path} is no recording", remedy="it needs the marks of stdout, stderr and exit: see docs/delegates.md"
        )
    size = _SIZE.search(text[: text.index(_OUT)])
    return Recording(
        name=path.stem,
        stdout=stdout,
        stderr=tail[: end.start()],
        exit_code=int(end[1]),
        size_mb=float(size[1]) if size else None,
    )
