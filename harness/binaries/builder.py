"""Turns a request for a build into a binary in the store. If an equal request was built before, no Bazel starts."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.binaries.bazel import BazelCall, Built, run_build
from harness.binaries.binary_store import BinaryStore, read_program_as
from harness.binaries.build_events import Advance
from harness.binaries.elf import require
from harness.binaries.machine import bazel_identity, machine_settings
from harness.binaries.preflight import AndroidSetup, Preflight, android_setup
from harness.binaries.profiles import build_flags, config_names, device_abi, is_android, rc_path, read_profiles
from harness.binaries.record import BinaryRecord, new_record
from harness.binaries.source_tree import SourceTree, is_unchanged
from harness.binaries.sources import AndroidNeeds, TargetName
from harness.errors import SetupError, UsageError
from harness.files.lock import held


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """One build of one ABI."""

    tree: SourceTree
    abi: str
    target: TargetName
    flex: bool
    ruy_profiler: bool
    extra_flags: tuple[str, ...]
    label: str
    flags: tuple[str, ...]
    environment: dict[str, str]
    android: AndroidSetup | None

    @property
    def command(self) -> tuple[str, ...]:
        """The command that a user would type in the source tree."""
        return ("bazel", "build", *self.flags, self.label)

    @property
    def by_hand(self) -> tuple[str, ...]:
        """The same build through the profiles of `bazel/benchmark_model.bazelrc`."""
        configs = [f"--config={name}" for name in config_names(self.abi, purposes(self.flex, self.ruy_profiler))]
        return ("bazel", f"--bazelrc={rc_path()}", "build", *configs, *self.extra_flags, self.label)

    @property
    def key(self) -> str:
        """Hash of everything that the result depends on, as far as it can be known without starting Bazel."""
        what = {
            # A tree without Git is identified by its path alone; two of them must not share a log or a lock.
            "source": [self.tree.kind, self.tree.commit, self.tree.digest or str(self.tree.path.resolve())],
            "command": self.command,
            "environment": self.environment,
            "bazel": [self.tree.bazel_version, bazel_identity()],
            "machine": machine_settings(),
            "ndk": self.android.ndk_revision if self.android else None,
        }
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def purposes(flex: bool, ruy_profiler: bool) -> tuple[str, ...]:
    """Return the profiles besides the ABI's. Profiling is always built in, because it costs nothing until it is switched on at run time."""
    return ("profiling", *(("flex",) if flex else ()), *(("ruy_profiler",) if ruy_profiler else ()))


def build_request(
    tree: SourceTree,
    abi: str,
    needs: AndroidNeeds,
    *,
    target: TargetName = "tflite",
    flex: bool = False,
    ruy_profiler: bool = False,
    extra_flags: tuple[str, ...] = (),
) -> BuildRequest:
    """Work out the arguments for Bazel.

    Raises:
        UsageError: the source has no such target, or a flag is malformed.
    """
    for flag in extra_flags:
        if not flag.startswith("-"):
            raise UsageError(f"--flag {flag}: not a flag of bazel build", remedy="such as --flag=--copt=-O3")
    android = android_setup(tree, needs) if is_android(abi) else None
    return BuildRequest(
        tree=tree,
        abi=abi,
        target=target,
        flex=flex,
        ruy_profiler=ruy_profiler,
        extra_flags=extra_flags,
        label=tree.source.label(tree.kind, target, flex=flex),
        flags=(*build_flags(read_profiles(rc_path()), abi, purposes(flex, ruy_profiler)), *extra_flags),
        environment=dict(android.environment) if android else {},
        android=android,
    )


def printed(request: BuildRequest) -> str:
    """Return the command as shell text, preceded by the settings that the tree's ./configure has not made."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in sorted(request.environment.items())]
    return "\n".join([*exports, shlex.join(request.command)])


def build(
    request: BuildRequest,
    store: BinaryStore,
    check: Callable[[], Preflight],
    progress: Callable[[Advance], None],
    *,
    name: str | None = None,
    force: bool = False,
) -> tuple[BinaryRecord, bool]:
    """Build, or reuse the result of an equal request.

    Args:
        request: what to build.
        store: receives the binary.
        check: makes the preflight; called only if there is something to build.
        progress: told how far Bazel is.
        name: the user's name for the binary.
        force: build whatever the preflight finds.

    Returns:
        The record, and whether Bazel was run.

    Raises:
        SetupError: the preflight found something missing, or Bazel could not run.
        BuildFailed: Bazel ran and failed.
        UsageError: the binary is for another machine or system than asked: the tree's configuration is wrong.
    """
    if (known := _known(request, store, name)) is not None:
        return known, False
    log = store.folder("logs") / f"{request.key[:16]}.log"
    # A second process with the same request waits and then gets the binary without a build.
    waiting = Advance(done=None, total=None, doing="waiting for another process that builds the same")
    with held(log.with_suffix(".lock"), lambda: progress(waiting)):
        if (known := _known(request, store, name)) is not None:
            return known, False
        return _build(request, store, check, progress, log, name=name, force=force), True


def _known(request: BuildRequest, store: BinaryStore, name: str | None) -> BinaryRecord | None:
    if request.tree.digest is None:
        return None
    known = store.with_request(request.key)
    if known is None:
        return None
    named = replace(known, name=name or known.name, revision_name=request.tree.revision_name or known.revision_name)
    if named == known:
        return known
    kept = replace(named, added_at=datetime.now(UTC))
    store.add_record(kept)
    return kept


def _build(
    request: BuildRequest,
    store: BinaryStore,
    check: Callable[[], Preflight],
    progress: Callable[[Advance], None],
    log: Path,
    *,
    name: str | None,
    force: bool,
) -> BinaryRecord:
    found = check()
    if not force:
        found.require()
    if found.bazel is None:
        raise SetupError("there is no Bazel", remedy=found.blocking[0].remedy if found.blocking else None)
    call = BazelCall(
        program=found.bazel.path,
        folder=request.tree.path,
        flags=request.flags,
        label=request.label,
        environment=request.environment,
    )
    built = run_build(call, log, progress)
    _check_output(request, built.output)
    return store.add(built.output, _record(request, built, found, log, name))


def _check_output(request: BuildRequest, output: Path) -> None:
    seen = read_program_as(output, request.label)
    what = f"what Bazel built as {request.label} for {request.abi}"
    try:
        require(
            seen,
            what,
            abi=device_abi(request.abi),
            platform="android" if is_android(request.abi) else "linux",
        )
    except UsageError as error:
        configs = [flag for flag in request.flags if flag.startswith("--config=")]
        remedy = f"see {' '.join(configs) or 'the default toolchain'} in {request.tree.path / '.bazelrc'}"
        raise UsageError(error.message, remedy=remedy) from None


def _record(request: BuildRequest, built: Built, found: Preflight, log: Path, name: str | None) -> BinaryRecord:
    tree = request.tree
    unchanged = is_unchanged(tree)
    return replace(
        new_record("build", str(tree.path), name=name),
        tool=request.target,
        flex=request.flex,
        source_kind=tree.kind,
        revision=tree.commit,
        revision_name=tree.revision_name,
        dirty=tree.dirty if unchanged else True,
        target=request.label,
        flags=request.flags,
        bazel=built.version or (found.bazel.version if found.bazel else None) or tree.bazel_version,
        ndk=found.android.ndk_revision if found.android and is_android(request.abi) else None,
        duration_s=built.duration_s,
        log=str(log),
        # The tree was edited meanwhile: it is unknown which state was built, so no later request may reuse it.
        request=request.key if unchanged and tree.digest is not None else None,
    )
