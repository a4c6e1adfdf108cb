"""Looks at a checkout to build from: what it is, at which revision, and whether it was changed. Git says so; nothing is guessed."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.binaries import git
from harness.binaries.sources import Source, Sources
from harness.errors import UsageError

CONFIGURED = (".tf_configure.bazelrc", ".litert_configure.bazelrc")
"""What `./configure` writes: TensorFlow's, and LiteRT's from 2.0 on."""

_IMPORT = re.compile(r"^\s*(try-import|import)\s+%workspace%/(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """A tree that holds `benchmark_model`."""

    path: Path
    kind: str
    """`tensorflow` or `litert`."""
    source: Source
    commit: str | None
    """None where the tree is not in Git."""
    dirty: bool | None
    digest: str
    """Stands for the tree's content: equal digests mean that nothing has to be built anew."""
    bazel_version: str | None
    """What `.bazelversion` asks for."""
    ndk_versions: tuple[int, ...]
    """NDKs that the tree's own configure.py calls supported; empty where it does not say."""
    settings: Mapping[str, str]
    """What `./configure` has answered: the environment in the file that it wrote."""
    lacks: tuple[str, ...] = ()
    """Files that the tree's .bazelrc demands and that are not there: Bazel does not start."""
    revision_name: str | None = None


def read_tree(path: Path, sources: Sources, *, revision_name: str | None = None) -> SourceTree:
    """Look at a checkout.

    Raises:
        UsageError: it is not a known source tree.
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
    dirty, digest = (None, _stat_digest(path)) if commit is None else _git_state(path, commit)
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
    """Whether a tree is still what it was when it was read."""
    commit = _commit(tree.path)
    digest = _stat_digest(tree.path) if commit is None else _git_state(tree.path, commit)[1]
    return (commit, digest) == (tree.commit, tree.digest)


def rc_imports(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a .bazelrc brings in from the tree: the files that must be there, and all of them in their order."""
    found = _IMPORT.findall(text)
    every = tuple(name for _, name in found)
    return tuple(name for word, name in found if word == "import"), every or CONFIGURED


def _commit(path: Path) -> str | None:
    # A folder without a repository of its own may lie inside another project's: that one's commit says nothing of it.
    if not (path / ".git").exists():
        return None
    return git.ask(path, "rev-parse", "--verify", "--quiet", "HEAD") or None


def _git_state(path: Path, commit: str) -> tuple[bool, str]:
    """Ask whether the tree differs from its commit; returns that and a digest of all that a build could see."""
    # What a filter for reading (textconv) or a program of the user's makes of a difference could hide one.
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
    for imported in rc_imports(_text(path / ".bazelrc"))[1]:  # may be ignored by Git; Bazel reads them
        digest.update(imported.encode() + b"\0" + _content(path / imported))
    return dirty, digest.hexdigest()


def _submodules(path: Path) -> Iterator[tuple[bytes, str]]:
    """Path and pinned commit of each."""
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


def _stat_digest(path: Path) -> str:
    """Of a tree without Git: names, sizes and times of all files. Touching a file costs a build, which then finds nothing to do."""
    digest = hashlib.sha256()
    for relative, found in _files(path):
        digest.update(f"{relative}\0{found.st_size}\0{found.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name != ".git" and not (Path(folder) / name).is_symlink())
        for name in sorted(names):
            file = Path(folder) / name
            found = file.lstat()
            if stat.S_ISREG(found.st_mode):
                yield str(file.relative_to(path)), found


def bazel_version(text: str) -> str | None:
    """What a .bazelversion asks for."""
    return next(iter(text.split()), None)


def ndk_versions(text: str) -> tuple[int, ...]:
    """The NDKs that a configure.py calls supported; empty if it does not say."""
    match = re.search(r"^_SUPPORTED_ANDROID_NDK_VERSIONS\s*=\s*\[([\d\s,]*)\]", text, re.MULTILINE)
    return tuple(int(number) for number in re.findall(r"\d+", match.group(1))) if match else ()


def settings(texts: Iterable[str]) -> dict[str, str]:
    """The environment that bazelrc files give to actions; what a later one says counts."""
    return {
        name: value.strip().strip('"')
        for text in texts
        for name, value in re.findall(r"^build --(?:action|repo)_env[ =]([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE)
    }


def _text(file: Path) -> str:
    """Content of a file; empty if it is missing."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
