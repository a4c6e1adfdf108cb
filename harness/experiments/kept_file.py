"""Finds a model or binary of an earlier night by its SHA-256: in the history's store, in the binary store, or at its old path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from harness.binaries.binary_store import BinaryStore, sha256_of
from harness.errors import SetupError
from harness.files.terminal_text import printable
from harness.litert_host.launcher import content_digest, content_named_in
from harness.virtual.replay.replay_launcher import recordings_named_in, replay_digest

_SHA256 = re.compile(r"[0-9a-f]{64}")
_REMEDY = (
    "the history keeps the files of a run if you add it while they exist: harness run --history, harness history add"
)

Kept = Callable[[str], Path | None]
"""Finds a file of the history's store by its SHA-256."""


class FileGone(SetupError):
    """A file that an experiment needs is not here any more."""


def kept_file(
    sha256: str,
    *,
    kind: Literal["model", "binary"],
    side: Literal["old", "new"],
    called: str,
    kept: Kept,
    lay_at: Iterable[str] = (),
    binaries: BinaryStore | None = None,
) -> Path:
    """Find a file.

    Args:
        sha256: of its content.
        kind: what it is.
        side: the side of the change that it belongs to.
        called: its name for people.
        kept: the history's store.
        lay_at: its paths when it ran; they may hold another file by now.
        binaries: the store of binaries; None for this user's own.

    Raises:
        FileGone: it is nowhere, or the program that it starts has changed since.
    """
    called = printable(called)
    if not _SHA256.fullmatch(sha256):
        raise FileGone(f"the {side} {kind} {called} has no known SHA-256", remedy=_REMEDY)
    what = f"the {side} {kind} {called} (SHA-256 {sha256[:12]})"
    blob = kept(sha256)
    candidates = [] if blob is None else [blob]
    if kind == "binary":
        candidates += [(binaries or BinaryStore()).program_file(sha256)]
    candidates += [Path(path) for path in lay_at]
    found = next((path for path in candidates if _is(path, sha256)), None)
    if found is None:
        raise FileGone(f"{what} is gone", remedy=_REMEDY)
    if kind == "binary" and not _starts_what_it_started(found):
        raise FileGone(
            f"{what} starts the harness's own program, which has changed since",
            remedy="install the harness of that night to run it again",
        )
    return found


def _is(path: Path, sha256: str) -> bool:
    try:
        return path.is_file() and sha256_of(path) == sha256
    except OSError:
        return False


def _starts_what_it_started(path: Path) -> bool:
    """Whether a binary is still what it was. A launcher of the harness's own program starts the code that is installed now."""
    with path.open("rb") as stream:
        beginning = stream.read(1 << 16)
    content, recordings = content_named_in(beginning), recordings_named_in(beginning)
    return content in (None, content_digest()) and recordings in (None, replay_digest())
