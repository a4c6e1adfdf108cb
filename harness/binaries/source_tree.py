"""Examines a checkout to build from: its kind, its revision, and whether it was changed. The facts come from Git; nothing is guessed."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.binaries import git
from harness.binaries.sources import Source, Sources
from harness.errors import UsageError

CONFIGURED = (".tf_configure.bazelrc", ".litert_configure.bazelrc")
"""The file that `./configure` writes, in TensorFlow and in LiteRT from 2.0 on."""

_IMPORT = re.compile(r"^\s*(try-import|import)\s+%workspace%/(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """A source tree with `benchmark_model`."""

    path: Path
    kind: str
    """`tensorflow` or `litert`."""
    source: Source
    commit: str | None
    """None if the tree is not in Git."""
    dirty: bool | None
    digest: str | None
    """Digest of the tree's content: equal digests need no new build. None if the tree is not in Git; then Bazel checks for changes."""
    bazel_version: str | None
    """The version in `.bazelversion`."""
    ndk_versions: tuple[int, ...]
    """NDKs that the tree's own configure.py calls supported; empty if it does not say."""
    settings: Mapping[str, str]
    """The answers of `./configure`: the environment in the file that it wrote."""
    lacks: tuple[str, ...] = ()
    """Missing files that the tree's .bazelrc demands; without them Bazel does not start."""
    revision_name: str | None = None


def read_tree(path: Path, sources: Sources, *, revision_name: str | None = None) -> SourceTree:
    """Examine a checkout.

    Raises:
        UsageError: the folder is not a known source tree.
    """
    path = path.resolve()
    try:
        if not path.is_dir():
            raise UsageError(f"--source {path}: no such folder")
        found = next(((k, s) for k, s in sources.sources.items() if (path / s.marker).is_file()), None)
    except OSError as error:
        raise UsageError(f"--source {path} cannot be read: {error.strerror}") from None
    if found is None:
        markers = " or ".join(source.marker for source in sources.sources.values())
        raise UsageError(f"--source {path}: neither TensorFlow nor LiteRT", remedy=f"such a checkout holds {markers}")
    kind, source = found
    commit = _commit(path)
    dirty, digest = (None, None) if commit is None else _git_state(path, commit)
    demanded, wanted = rc_imports(_text(path / ".bazelrc"))
    return SourceTree(
        path=path,
        kind=kind,
        source=source,
        commit=commit,
        dirty=dirty,
        digest=digest,
        bazel_version=bazel_version(_text(path / ".bazelversion")),
        ndk_versions=ndk_versions(_text(path / "configure.py")),
        settings=settings([_text(path / name) for name in wanted]),
        lacks=tuple(name for name in demanded if not (path / name).is_file()),
        revision_name=revision_name,
    )


def is_unchanged(tree: SourceTree) -> bool:
    """Return whether a tree is unchanged since it was read, as far as Git knows."""
    commit = _commit(tree.path)
    digest = None if commit is None else _git_state(tree.path, commit)[1]
    return (commit, digest) == (tree.commit, tree.digest)


def rc_imports(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a .bazelrc imports from the tree: the files that must exist, and all files in their order."""
    found = _IMPORT.findall(text)
    every = tuple(name for _, name in found)
    return tuple(name for word, name in found if word == "import"), every or CONFIGURED


def _commit(path: Path) -> str | None:
    # A folder without its own repository may lie inside another project's, whose commit does not describe it.
    if not (path / ".git").exists():
        return None
    return git.ask(path, "rev-parse", "--verify", "--quiet", "HEAD") or None


def _git_state(path: Path, commit: str) -> tuple[bool, str]:
    """Return whether the tree differs from its commit, and a digest of everything that a build could see."""
    # A textconv filter or the user's own diff program could hide a difference.
    changes = git.told(path, "diff", "--binary", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", "HEAD")
    untracked = git.told(path, "ls-files", "-z", "--others", "--exclude-standard").split(b"\0")
    digest = hashlib.sha256(commit.encode() + b"\0" + changes)
    dirty = bool(changes.strip())
    for name in sorted(untracked):
        file = path / os.fsdecode(name)
        if not name or (file.is_symlink() and name.startswith(b"bazel-")):
            continue  # Bazel's own links to its output
        dirty = True
        digest.update(name + b"\0" + _content(file))
    for name, pinned in _submodules(path):
        inside = path / os.fsdecode(name)
        at = _commit(inside)
        if at is None:
            continue  # not initialised: empty
        changed, state = _git_state(inside, at)
        dirty = dirty or changed or at != pinned
        digest.update(name + b"\0" + state.encode())
    for imported in rc_imports(_text(path / ".bazelrc"))[1]:  # Git may ignore these; Bazel reads them
        digest.update(imported.encode() + b"\0" + _content(path / imported))
    return dirty, digest.hexdigest()


def _submodules(path: Path) -> Iterator[tuple[bytes, str]]:
    """Return path and pinned commit of each submodule."""
    for entry in git.told(path, "ls-files", "-z", "--stage").split(b"\0"):
        if entry.startswith(b"160000 "):
            what, _, name = entry.partition(b"\t")
            yield name, what.split()[1].decode()


def _content(file: Path) -> bytes:
    try:
        if file.is_symlink():
            return os.fsencode(file.readlink())
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return b"-"


def bazel_version(text: str) -> str | None:
    """Read the version in a .bazelversion."""
    return next(iter(text.split()), None)


def ndk_versions(text: str) -> tuple[int, ...]:
    """Read the NDKs that a configure.py calls supported; empty if it does not say."""
    match = re.search(r"^_SUPPORTED_ANDROID_NDK_VERSIONS\s*=\s*\[([\d\s,]*)\]", text, re.MULTILINE)
    return tuple(int(number) for number in re.findall(r"\d+", match.group(1))) if match else ()


def settings(texts: Iterable[str]) -> dict[str, str]:
    """Read the environment that bazelrc files give to actions; later files win."""
    return {
        name: value.strip().strip('"')
        for text in texts
        for name, value in re.findall(r"^build --(?:action|repo)_env[ =]([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE)
    }


def _text(file: Path) -> str:
    """Read a file; empty if it is missing."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
