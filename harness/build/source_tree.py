"""A checkout to build from: what it is, at which revision, and whether it was changed. Git is asked, never guessed."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.build.sources import Source, Sources
from harness.errors import SetupError, UsageError

_GIT_TIMEOUT_S = 300.0
_FETCH_TIMEOUT_S = 3600.0
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_CONFIGURED = ".tf_configure.bazelrc"


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
    """What `./configure` has answered: the environment in `.tf_configure.bazelrc`."""
    revision_name: str | None = None


def read_tree(path: Path, sources: Sources, *, revision_name: str | None = None) -> SourceTree:
    """Look at a checkout.

    Raises:
        UsageError: it is no source tree that is known.
    """
    path = path.resolve()
    if not path.is_dir():
        raise UsageError(f"--source {path}: no such folder")
    found = next(((k, s) for k, s in sources.sources.items() if (path / s.marker).is_file()), None)
    if found is None:
        markers = " or ".join(source.marker for source in sources.sources.values())
        raise UsageError(f"--source {path}: neither TensorFlow nor LiteRT", remedy=f"such a checkout holds {markers}")
    kind, source = found
    commit = _commit(path)
    dirty, digest = (None, _stat_digest(path)) if commit is None else _git_state(path, commit)
    return SourceTree(
        path=path,
        kind=kind,
        source=source,
        commit=commit,
        dirty=dirty,
        digest=digest,
        bazel_version=_bazel_version(path),
        ndk_versions=_ndk_versions(path),
        settings=_settings(path),
        revision_name=revision_name,
    )


def is_unchanged(tree: SourceTree) -> bool:
    """Whether a tree is still what it was when it was read."""
    commit = _commit(tree.path)
    digest = _stat_digest(tree.path) if commit is None else _git_state(tree.path, commit)[1]
    return (commit, digest) == (tree.commit, tree.digest)


def checkout(revision: str, origin: Path | None, folder: Path, sources: Sources) -> SourceTree:
    """A revision in a tree of its own, so that two of them can be built side by side and the user's checkout is left as it is.

    Args:
        revision: a pinned name of `bazel/sources.yaml`; with `origin`, anything that Git understands there.
        origin: the user's checkout, whose objects are used; None: the pinned revision is fetched from its repository.
        folder: where checkouts are kept.
        sources: what is pinned.

    Raises:
        UsageError: no such revision.
        SetupError: Git is missing, or the repository cannot be reached.
    """
    if origin is None:
        return _fetched(revision, folder, sources)
    tree = read_tree(origin, sources)
    if tree.commit is None:
        raise UsageError(f"--revision {revision}: {origin} is not a Git checkout", remedy="leave --revision out")
    commit = _git(tree.path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not commit:
        raise UsageError(f"--revision {revision}: {origin} has no such revision", remedy="git fetch it there first")
    path = folder / f"{tree.kind}-{commit[:16]}"
    if not _is_at(path, commit):
        objects = tree.path / (_git(tree.path, "rev-parse", "--git-path", "objects") or ".git/objects")
        _prepare(path)
        # Borrowed, not copied: a TensorFlow checkout's objects are gigabytes.
        alternates = path / ".git" / "objects" / "info" / "alternates"
        alternates.write_text(f"{objects.resolve()}\n", encoding="utf-8")
        _must(path, "checkout", "--quiet", "--force", "--detach", commit)
    return read_tree(path, sources, revision_name=None if commit.startswith(revision) else revision)


def _fetched(revision: str, folder: Path, sources: Sources) -> SourceTree:
    pinned = {
        name: (kind, source, r) for kind, source in sources.sources.items() for name, r in source.revisions.items()
    }
    if revision not in pinned:
        raise UsageError(
            f"--revision {revision}: not pinned", remedy=f"one of {', '.join(pinned)}; or --source DIR --revision REV"
        )
    kind, source, pin = pinned[revision]
    path = folder / f"{kind}-{pin.commit[:16]}"
    if not _is_at(path, pin.commit):
        _prepare(path)
        _must(path, "fetch", "--quiet", "--depth=1", source.git, pin.commit, timeout_s=_FETCH_TIMEOUT_S)
        _must(path, "checkout", "--quiet", "--force", "--detach", pin.commit)
    return read_tree(path, sources, revision_name=revision)


def _prepare(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot make {path}: {error.strerror}", remedy="free some room") from None
    _must(path, "init", "--quiet")


def _is_at(path: Path, commit: str) -> bool:
    return (
        (path / ".git").is_dir()
        and _git(path, "rev-parse", "--verify", "--quiet", "HEAD") == commit
        and not (_git(path, "diff", "--name-only", "HEAD"))
    )


def _commit(path: Path) -> str | None:
    # A folder without a repository of its own may lie inside another project's: that one's commit says nothing of it.
    if not (path / ".git").exists():
        return None
    return _git(path, "rev-parse", "--verify", "--quiet", "HEAD") or None


def _git_state(path: Path, commit: str) -> tuple[bool, str]:
    changes = _git_bytes(path, "diff", "--binary", "--no-ext-diff", "HEAD")
    untracked = _git_bytes(path, "ls-files", "-z", "--others", "--exclude-standard").split(b"\0")
    digest = hashlib.sha256(commit.encode() + b"\0" + changes)
    dirty = bool(changes.strip())
    for name in sorted(untracked):
        file = path / os.fsdecode(name)
        if not name or (file.is_symlink() and name.startswith(b"bazel-")):
            continue  # Bazel's own links to its output
        dirty = True
        digest.update(name + b"\0" + _content(file))
    digest.update(_content(path / _CONFIGURED))  # ignored by Git, read by Bazel
    return dirty, digest.hexdigest()


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


def _bazel_version(path: Path) -> str | None:
    try:
        lines = (path / ".bazelversion").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return None
    return lines[0] if lines else None


def _ndk_versions(path: Path) -> tuple[int, ...]:
    try:
        text = (path / "configure.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    match = re.search(r"^_SUPPORTED_ANDROID_NDK_VERSIONS\s*=\s*\[([\d\s,]*)\]", text, re.MULTILINE)
    return tuple(int(number) for number in re.findall(r"\d+", match.group(1))) if match else ()


def _settings(path: Path) -> dict[str, str]:
    try:
        text = (path / _CONFIGURED).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {
        name: value.strip().strip('"')
        for name, value in re.findall(r"^build --action_env[ =]([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE)
    }


def _git(path: Path, *arguments: str) -> str:
    """Output of a question to Git; empty where Git says no."""
    return _git_bytes(path, *arguments).decode("utf-8", "surrogateescape").strip()


def _git_bytes(path: Path, *arguments: str) -> bytes:
    done = _run(path, arguments, _GIT_TIMEOUT_S)
    return done.stdout if done.returncode == 0 else b""


def _must(path: Path, *arguments: str, timeout_s: float = _GIT_TIMEOUT_S) -> None:
    done = _run(path, arguments, timeout_s)
    if done.returncode != 0:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
        why = lines[-1] if lines else f"exit code {done.returncode}"
        raise SetupError(f"git {arguments[0]} in {path}: {why}", remedy="see the network, or use --source DIR")


def _run(path: Path, arguments: tuple[str, ...], timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", "-C", str(path), *arguments],
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise SetupError("git is not installed", remedy="apt-get install git") from None
    except subprocess.TimeoutExpired:
        raise SetupError(f"git {arguments[0]} in {path}: no end within {timeout_s:g} s") from None
