"""Checks out a revision in a tree of its own, so that two can be built side by side and the user's checkout stays unchanged."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from harness.binaries import git
from harness.binaries.source_tree import (
    CONFIGURED,
    SourceTree,
    bazel_version,
    ndk_versions,
    rc_imports,
    read_tree,
    settings,
)
from harness.binaries.sources import Revision, Source, Sources
from harness.errors import SetupError, UsageError
from harness.files.lock import held

_FETCH_TIMEOUT_S = 3600.0
_OF_THIS_MACHINE = (*CONFIGURED, ".bazelrc.user")
"""Files next to a tree's .bazelrc that no commit contains: settings of `./configure` and of the user for this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A requested revision."""

    kind: str
    source: Source
    commit: str
    name: str | None
    path: Path
    """Path of its checkout, which may not exist yet."""
    origin: SourceTree | None
    pin: Revision | None


def checkout(
    revision: str, origin: Path | None, folder: Path, sources: Sources, *, place: str | None = None
) -> SourceTree:
    """Check out a revision, or reuse an earlier checkout.

    Args:
        revision: a pinned name of `bazel/sources.yaml`; with `origin`, anything that Git understands there.
        origin: the user's checkout, whose objects and settings are used; None fetches the pinned revision from its repository.
        folder: the folder of all checkouts.
        sources: the pinned revisions.
        place: name of a checkout that goes from revision to revision, so that Bazel builds only what changed; None: a checkout for each.

    Raises:
        UsageError: no such revision.
        SetupError: Git is missing, or the repository cannot be reached.
    """
    wanted = _wanted(revision, origin, folder, sources)
    if place is not None:
        wanted = replace(wanted, path=folder / place)
    with held(wanted.path.with_name(wanted.path.name + ".lock")):
        if not _is_there(wanted):
            _prepare(wanted.path)
            if wanted.origin is None:
                git.told(
                    wanted.path,
                    *("fetch", "--quiet", "--depth=1", wanted.source.git, wanted.commit),
                    timeout_s=_FETCH_TIMEOUT_S,
                    remedy="see the network, or use --source DIR",
                )
            else:
                _borrow(wanted.origin.path, wanted.path)
            git.told(wanted.path, "checkout", "--quiet", "--force", "--detach", wanted.commit)
        if wanted.origin is not None:
            _carry_over(wanted.origin.path, wanted.path)
    return read_tree(wanted.path, sources, revision_name=wanted.name)


def planned(revision: str, origin: Path | None, folder: Path, sources: Sources) -> SourceTree:
    """Predict the result of `checkout` without fetching or writing anything: enough for a command and a preflight.

    Raises:
        UsageError: no such revision.
        SetupError: Git is missing.
    """
    wanted = _wanted(revision, origin, folder, sources)
    if wanted.origin is None and _is_there(wanted):
        return read_tree(wanted.path, sources, revision_name=wanted.name)
    here = wanted.origin.path if wanted.origin else None

    def committed(name: str) -> str:
        return (
            git.ask(here, "cat-file", "blob", f"{wanted.commit}:{name}") if here and _holds(here, wanted, name) else ""
        )

    demanded, imported = rc_imports(committed(".bazelrc"))
    carried = {name: (here / name) for name in _OF_THIS_MACHINE if here and (here / name).is_file()}
    if here is not None and not _holds(here, wanted, wanted.source.marker):
        raise UsageError(f"--revision {revision}: it holds no {wanted.source.marker}", remedy="a newer revision does")
    return SourceTree(
        path=wanted.path,
        kind=wanted.kind,
        source=wanted.source,
        commit=wanted.commit,
        dirty=False,
        digest=wanted.commit,
        bazel_version=bazel_version(committed(".bazelversion")) or (wanted.pin.bazel if wanted.pin else None),
        ndk_versions=ndk_versions(committed("configure.py")),
        settings=settings([carried[name].read_text(errors="replace") for name in imported if name in carried]),
        lacks=tuple(name for name in demanded if name not in carried and not (here and _holds(here, wanted, name))),
        revision_name=wanted.name,
    )


def _holds(repository: Path, wanted: _Wanted, name: str) -> bool:
    return bool(git.ask(repository, "ls-tree", "--name-only", wanted.commit, "--", name))


def _wanted(revision: str, origin: Path | None, folder: Path, sources: Sources) -> _Wanted:
    if origin is None:
        pins = {name: (kind, s, r) for kind, s in sources.sources.items() for name, r in s.revisions.items()}
        if revision not in pins:
            raise UsageError(
                f"--revision {revision}: not pinned", remedy=f"one of {', '.join(pins)}; or --source DIR --revision REV"
            )
        kind, source, pin = pins[revision]
        path = folder / f"{kind}-{pin.commit[:16]}"
        return _Wanted(kind=kind, source=source, commit=pin.commit, name=revision, path=path, origin=None, pin=pin)
    tree = read_tree(origin, sources)
    if tree.commit is None:
        raise UsageError(f"--revision {revision}: {origin} is not a Git checkout", remedy="leave --revision out")
    commit = git.try_to_ask(tree.path, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not commit:
        raise UsageError(f"--revision {revision}: {origin} has no such revision", remedy="git fetch it there first")
    return _Wanted(
        kind=tree.kind,
        source=tree.source,
        commit=commit,
        name=None if commit.startswith(revision) else revision,
        path=folder / f"{tree.kind}-{commit[:16]}",
        origin=tree,
        pin=None,
    )


def _is_there(wanted: _Wanted) -> bool:
    path = wanted.path
    return (
        (path / ".git").is_dir()
        and git.try_to_ask(path, "rev-parse", "--verify", "--quiet", "HEAD") == wanted.commit
        and not git.told(path, "diff", "--name-only", "HEAD")
    )


def _prepare(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot make {path}: {error.strerror}", remedy="free some room") from None
    git.told(path, "init", "--quiet", remedy="see its permissions")
    # Left by a killed Git. No other process works here, because we hold the checkout's lock.
    for name in ("index.lock", "HEAD.lock", "shallow.lock", "config.lock"):
        (path / ".git" / name).unlink(missing_ok=True)


def _borrow(origin: Path, path: Path) -> None:
    """Use the objects of another repository without copying them, since a TensorFlow checkout has gigabytes."""
    objects = origin / (git.ask(origin, "rev-parse", "--git-path", "objects") or ".git/objects")
    alternates = path / ".git" / "objects" / "info" / "alternates"
    alternates.parent.mkdir(parents=True, exist_ok=True)
    alternates.write_text(f"{objects.resolve()}\n", encoding="utf-8")


def _carry_over(origin: Path, path: Path) -> None:
    """Copy the machine's settings from the user's own tree, so that nobody has to repeat the answers of `./configure`."""
    exclude = path / ".git" / "info" / "exclude"
    exclude.parent.mkdir(parents=True, exist_ok=True)
    exclude.write_text("".join(f"/{name}\n" for name in _OF_THIS_MACHINE), encoding="utf-8")
    for name in _OF_THIS_MACHINE:
        if git.ask(path, "ls-files", "--", name):
            continue
        if (origin / name).is_file():
            shutil.copyfile(origin / name, path / name)
        else:
            with suppress(FileNotFoundError):
                (path / name).unlink()
