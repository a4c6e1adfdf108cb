"""The places that a bisection searches: the revisions between good and bad in Git, or an ordered list of model files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.binaries import git
from harness.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One revision, or one model file."""

    name: str
    """The short commit, or the file as given."""
    commit: str | None = None
    subject: str | None = None
    author: str | None = None
    date: str | None = None
    """The author's date, ISO 8601."""
    path: str | None = None
    sha256: str | None = None
    """Of the model file."""

    @property
    def words(self) -> str:
        """Name and subject."""
        return f"{self.name} ({self.subject})" if self.subject else self.name


def revisions_between(source: Path, good: str, bad: str) -> tuple[Place, ...]:
    """List the revisions from good to bad, including both, oldest first.

    It follows only the first parent of a merge, so the list is the history of the branch itself.

    Raises:
        UsageError: one is no revision there, or good is no ancestor of bad by first parents.
        SetupError: Git is missing, or cannot answer.
    """
    if not source.is_dir():
        raise UsageError(f"--source {source}: no such folder")
    commits = [_commit(source, option, word) for option, word in (("--good", good), ("--bad", bad))]
    if commits[0] == commits[1]:
        raise UsageError(f"--good {good} and --bad {bad} are the same revision", remedy="name two")
    base = git.try_to_ask(source, "merge-base", *commits)
    if base != commits[0]:
        if base == commits[1]:
            raise UsageError(
                f"--good {good} is newer than --bad {bad}",
                remedy="good must come first; whatever changed is found, a gain too",
            )
        raise UsageError(
            f"--good {good} is no ancestor of --bad {bad}",
            remedy=f"their last common ancestor is {base[:12]}" if base else "a shallow clone? git fetch --unshallow",
        )
    between = _log(source, "--first-parent", "--reverse", f"{commits[0]}..{commits[1]}")
    left = git.try_to_ask(source, "rev-parse", f"{between[0].commit}^1")
    if left != commits[0]:
        # Else the first candidate would be blamed for all differences between the two branches.
        raise UsageError(
            f"--good {good} reached --bad {bad} by a merge, so it is not among the first parents of --bad, which are searched",
            remedy=f"begin where its branch began: --good {left[:12]}"
            if left
            else "a shallow clone? git fetch --unshallow",
        )
    return (*_log(source, "--max-count=1", commits[0]), *between)


def models_between(files: Sequence[Path], good: Path | None, bad: Path | None) -> tuple[Place, ...]:
    """Take the model files from good to bad, in the order given.

    Args:
        files: all of them.
        good: the file to begin with; None for the first.
        bad: the one to end with; None for the last.

    Raises:
        UsageError: one is not in the list, good does not come before bad, or a file cannot be read.
    """
    ends = [
        _index(files, option, path, default)
        for option, path, default in (("--good", good, 0), ("--bad", bad, len(files) - 1))
    ]
    if ends[0] >= ends[1]:
        what = "one file is no list" if len(files) < 2 else "good must come before bad in the list"
        raise UsageError(f"--models: {what}", remedy=f"in order: {', '.join(map(str, files[:6]))}")
    return tuple(_model(path) for path in files[ends[0] : ends[1] + 1])


def _index(files: Sequence[Path], option: str, path: Path | None, default: int) -> int:
    if path is None:
        return default
    for number, file in enumerate(files):
        if file == path or file.resolve() == path.resolve() or file.name == str(path):
            return number
    raise UsageError(f"{option} {path}: not among the models", remedy=f"there is {', '.join(map(str, files[:6]))}")


def _model(path: Path) -> Place:
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"model {path} cannot be read: {error.strerror}") from None
    return Place(name=str(path), path=str(path.resolve()), sha256=sha256)


def _commit(source: Path, option: str, word: str) -> str:
    found = git.try_to_ask(source, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{word}^{{commit}}")
    if not found:
        git.told(source, "rev-parse", "--git-dir", remedy="--source must be a Git checkout")
        raise UsageError(f"{option} {word}: {source} has no such revision", remedy="git fetch it there first")
    return found


def _log(source: Path, *arguments: str) -> list[Place]:
    form = "--format=%H%x00%s%x00%an%x00%aI"
    text = git.ask(source, "log", "--no-color", "--no-show-signature", form, *arguments, "--")
    found = []
    # Not `splitlines`: a subject may hold a form feed or another of the characters that end a line for Python alone.
    for line in text.split("\n"):
        commit, subject, author, date = line.split("\0")
        found.append(Place(name=commit[:12], commit=commit, subject=subject, author=author, date=date))
    return found
