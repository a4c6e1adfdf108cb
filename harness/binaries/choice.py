"""Chooses the `benchmark_model` of a device: the user's for its ABI, one of the local store, or, on a virtual device, the harness's own.

Every choice is checked before it is pushed. A program for another machine or system, a text file and half a download are refused here in
one clear line; the device would say `not executable` at best.
"""

from __future__ import annotations

import hashlib
import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Literal

from harness.benchmark_model.command_line import DELEGATES, BinaryFacts, read_help, unsupported
from harness.binaries.benchmark_program import has_flex, read_benchmark, require_benchmark
from harness.binaries.binary_store import BinaryStore
from harness.binaries.elf import Platform, ProgramFile, is_script, read_program, require
from harness.binaries.profiles import BUILD_ABIS
from harness.binaries.record import BinaryRecord, newest
from harness.binaries.sources import load_sources, official_version
from harness.devices.push import Blob
from harness.errors import SetupError, UsageError
from harness.records import Artifact, BinaryRequest, DelegateRequest, DeviceInfo, ModelRef, Purpose
from harness.virtual.replay.replay_launcher import write_launcher

log = logging.getLogger(__name__)

ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64", "x86")
HOST = "host"
"""Name of the harness's own program in suites."""

_ANDROID_SHELLS = (b"#!/system/bin/", b"#! /system/bin/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A benchmark binary: its file, its entry in the manifest, and what the suite asks for but it does not support."""

    blob: Blob
    artifact: Artifact
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """The features that a suite needs in a binary."""

    flex: Literal["no", "some", "all"] = "no"
    """Whether the suite's models use Select TF ops."""
    delegates: tuple[DelegateRequest, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    models: tuple[ModelRef, ...] = ()
    """The suite's models, for their signatures and inputs."""


def demands_of(
    delegates: Sequence[DelegateRequest], purposes: Sequence[Purpose], models: Sequence[ModelRef]
) -> Demands:
    """Work out the features that these delegates, purposes and models need.

    Raises:
        OSError: a model cannot be read.
    """
    flex = [uses_flex(Path(model.path).read_bytes()) for model in models]
    return Demands(
        flex="no" if not any(flex) else "all" if all(flex) else "some",
        delegates=tuple(delegates),
        purposes=tuple(purposes),
        models=tuple(models),
    )


def uses_flex(model: bytes) -> bool:
    """Return whether a .tflite file names Select TF ops: custom ops called `Flex...`, as a FlatBuffers string (length, text, NUL)."""
    start = 0
    while (at := model.find(b"Flex", start)) >= 0:
        start = at + 1
        length = int.from_bytes(model[max(0, at - 4) : at], "little")
        text = model[at : at + length]
        if 4 < length < 200 and model[at + length : at + length + 1] == b"\0" and text[4:].isalnum():
            return True
    return False


def parse_binary_option(values: Sequence[str]) -> dict[str, Path]:
    """Read all `--binary ABI=PATH` options.

    Raises:
        UsageError: the form is wrong, an ABI is unknown or given twice, or the file is missing or not a program for that ABI.
    """
    binaries: dict[str, Path] = {}
    for value in values:
        abi, equals, path = value.partition("=")
        if not equals or abi not in ABIS:
            raise UsageError(f"--binary {value}: not ABI=PATH", remedy=f"ABI is one of {', '.join(ABIS)}")
        if abi in binaries:
            raise UsageError(f"--binary: {abi} is given twice")
        binaries |= check_own_binaries({abi: path})
    return binaries


def binary_options(binaries: Mapping[str, Path]) -> str:
    """Return the options that give these binaries again, quoted for a shell, with a blank before each."""
    return "".join(f" --binary {shlex.quote(f'{abi}={path}')}" for abi, path in binaries.items())


def check_own_binaries(binaries: Mapping[str, str | Path]) -> dict[str, Path]:
    """Check the user's own binaries, given by ABI.

    Raises:
        UsageError: an ABI is unknown, or a file is missing or not a program for its ABI.
    """
    for abi, path in binaries.items():
        if abi not in ABIS:
            raise UsageError(f"a binary for {abi!r}: no such ABI", remedy=f"one of {', '.join(ABIS)}")
        if not is_script(Path(path)):
            program = read_program(Path(path))
            require(program, str(path), abi=abi)
            require_benchmark(Path(path), program)
    return {abi: Path(path) for abi, path in binaries.items()}


def program_for(
    info: DeviceInfo,
    binaries: Mapping[str, Path],
    scratch: Path,
    *,
    store: BinaryStore | None = None,
    demands: Demands | None = None,
) -> Program:
    """Choose the binary for a device; its ABIs are tried in their order of preference.

    Args:
        info: the device.
        binaries: the user's binaries, by ABI.
        scratch: a folder for the harness's own program.
        store: the built, downloaded and imported binaries, for phones.
        demands: the suite's needs; they decide if the store holds several binaries.

    Raises:
        UsageError: the user's own binary cannot run there.
        SetupError: there is no binary; the remedy is the command that gets one.
    """
    for abi in info.abis:
        if abi in binaries:
            return _own(info, binaries[abi])
    if info.virtual:
        return _host(info, scratch)
    return _from_store(info, store or BinaryStore(), demands or Demands())


def programs_for(
    info: DeviceInfo, requests: Sequence[BinaryRequest], scratch: Path, *, store: BinaryStore
) -> dict[str, Program]:
    """Return the binaries that a suite compares, by name.

    Raises:
        UsageError: a file cannot run on the device, or a word means several binaries.
        SetupError: no binary has that name; the remedy is the command that gets it.
    """
    return {request.name: _named(_requested(info, request, scratch, store), request.name) for request in requests}


def check_requests(requests: Sequence[BinaryRequest], store: BinaryStore) -> None:
    """Check a suite's binaries before any device is asked: that they exist, and that files are programs.

    Raises:
        UsageError: a file is not a program.
        SetupError: no binary has that name.
    """
    for request in requests:
        for path in request.paths:
            _look(request, Path(path))
        if not request.paths and request.use != HOST:
            _records(request, store)


def _look(request: BinaryRequest, path: Path) -> ProgramFile | None:
    """Read a file's headers; None for a script."""
    return None if is_script(path) else read_benchmark(path)


def _records(request: BinaryRequest, store: BinaryStore) -> tuple[BinaryRecord, ...]:
    word = request.use or request.name
    every = store.matching(word)
    if not every:
        here = ", ".join(dict.fromkeys(record.label for record in store.records())) or "none"
        raise SetupError(f"there is no binary {word!r}", remedy=f"there are: {here}; get it: harness build --help")
    return every


def _requested(info: DeviceInfo, request: BinaryRequest, scratch: Path, store: BinaryStore) -> Program:
    if request.paths:
        return _by_path(info, request)
    if request.use == HOST:
        if not info.virtual:
            raise UsageError(f"binary {request.name}: {info.serial} is a phone, `host` runs on virtual devices only")
        return _host(info, scratch)
    word, every = request.use or request.name, _records(request, store)
    for abi in info.abis:
        fitting = [record for record in every if record.abi == abi and record.platform in (_platform(info), "any")]
        if len({record.sha256 for record in fitting}) > 1 and not all(record.name == word for record in fitting):
            listed = ", ".join(f"{record.sha256[:12]} ({record.label})" for record in fitting)
            raise UsageError(f"binary {word!r} means several: {listed}", remedy="name one by its hash")
        if (chosen := newest(fitting)) is not None:
            return _stored(store, chosen)
    have = ", ".join(dict.fromkeys(record.build_abi for record in every))
    wanted = build_abi(info)
    raise SetupError(
        f"{info.serial}: binary {word!r} is there for {have}, not for {wanted}",
        remedy=how_to_get_named(word, wanted),
    )


def _by_path(info: DeviceInfo, request: BinaryRequest) -> Program:
    programs = {path: _look(request, Path(path)) for path in request.paths}
    for abi in info.abis:
        for path, program in programs.items():
            if program is None or program.abi == abi:
                return _own(info, Path(path))
    have = ", ".join(program.described for program in programs.values() if program is not None)
    raise UsageError(f"binary {request.name}: {have}; {info.serial} is {build_abi(info)}")


def _own(info: DeviceInfo, path: Path) -> Program:
    """Check the user's file for this device. A script needs its interpreter there, and a virtual device has every one."""
    abi = info.abis[0] if info.abis else "unknown"
    ndk = None
    if is_script(path):
        if not info.virtual and not path.read_bytes().startswith(_ANDROID_SHELLS):
            raise UsageError(f"{path} is a script for this computer: {info.serial} cannot run it")
    else:
        program = read_program(path)
        require(program, str(path), platform=_platform(info))
        require_benchmark(path, program)
        abi, ndk = program.abi, program.ndk
    made = _program(path, abi=abi, origin="import", name=path.name)
    return replace(made, artifact=replace(made.artifact, flex=has_flex(path), source=str(path), ndk=ndk))


def _host(info: DeviceInfo, scratch: Path) -> Program:
    launcher = scratch / "benchmark_model"
    if not launcher.exists():
        write_launcher(launcher)
    made = _program(
        launcher, abi=info.abis[0] if info.abis else "unknown", origin=HOST, name="benchmark_model on LiteRT"
    )
    return replace(made, artifact=replace(made.artifact, flex=False))  # LiteRT's library has no Select TF ops


def _from_store(info: DeviceInfo, store: BinaryStore, demands: Demands) -> Program:
    """Pick the binary that supports most of what the suite asks for; among equals the newest."""
    here = [record for record in store.records() if record.platform in ("android", "any")]
    useless: dict[str, None] = {}
    for abi in info.abis:
        fitting: list[tuple[int, BinaryRecord, tuple[str, ...]]] = []
        for record in here:
            if record.abi == abi:
                lacks, hopeless = _lacks(store, record, demands)
                if hopeless:
                    useless[f"{record.label}: {'; '.join(lacks)}"] = None
                else:
                    fitting.append((-len(lacks), record, lacks))
        if fitting:
            _, record, lacks = max(fitting, key=lambda one: (one[0], one[1].added_at))
            return replace(_stored(store, record), lacks=tuple(f"{record.label}: {words}" for words in lacks))
    why = f" that the suite can use ({'; '.join(useless)})" if useless else ""
    raise SetupError(
        f"{info.serial}: there is no benchmark_model for {build_abi(info)}{why}", remedy=how_to_get(info, demands)
    )


def how_to_get_named(name: str, abi: str) -> str:
    """Return the commands that add a binary of this name for this ABI."""
    take = f"harness build --import PATH --name {shlex.quote(name)}"
    if abi not in BUILD_ABIS:
        return take
    return f"harness build --source DIR --abi {shlex.quote(abi)} --name {shlex.quote(name)}, or {take}"


def how_to_get_flex(info: DeviceInfo) -> str:
    """Return the commands that get a binary with Select TF ops for a device, and how a suite then names it."""
    if not info.virtual:
        return how_to_get(info, Demands(flex="all"))
    build = f"harness build --source DIR --abi {build_abi(info)} --flex --name flex"
    return f"{build}, then `binaries: [flex]` in the suite"


def how_to_get(info: DeviceInfo, demands: Demands) -> str:
    """Return the commands that get a binary for a device, as far as its ABI has any."""
    abi = build_abi(info)
    flex = demands.flex != "no"
    tail = f"--abi {shlex.quote(abi)}{' --flex' if flex else ''}"
    ways = []
    if (version := official_version(load_sources(), abi, flex=flex)) is not None:
        ways.append(f"harness build --prebuilt {version} {tail}")
    if abi in BUILD_ABIS:
        ways.append(f"harness build --source DIR {tail}")
    return ", or ".join([*ways, f"--binary {shlex.quote(abi)}=PATH"])


def _lacks(store: BinaryStore, record: BinaryRecord, demands: Demands) -> tuple[tuple[str, ...], bool]:
    """List what the suite asks for but the binary is known not to support, and return whether the list is complete."""
    known = store.help_text(record.sha256)
    facts = read_help(known) if known is not None else BinaryFacts(flags=frozenset(), tool=record.tool or "tflite")
    # Models that ask for nothing special are all alike here.
    models: list[ModelRef | None] = [*{model.asked: model for model in demands.models}.values()] or [None]
    asked = list(product(demands.delegates, demands.purposes, models))
    refused = [reason for one in asked if (reason := _refusal(*one, facts)) is not None]
    lacks = list(dict.fromkeys(refused))
    no_flex = demands.flex != "no" and _flex_of(store, record) is False
    if no_flex:
        lacks.append("it has no Select TF ops (--flex)")
    return tuple(lacks), (no_flex and demands.flex == "all") or (bool(asked) and len(refused) == len(asked))


def _flex_of(store: BinaryStore, record: BinaryRecord) -> bool | None:
    """Whether a stored binary has Flex: as it was asked for, else as its file tells."""
    return record.flex if record.flex is not None else has_flex(store.path(record))


def _refusal(delegate: DelegateRequest, purpose: Purpose, model: ModelRef | None, facts: BinaryFacts) -> str | None:
    if (reason := unsupported(delegate, purpose, "warm", facts, model)) is not None:
        return reason[1]
    missing = [flag for flag in DELEGATES[delegate.name].fixed if facts.tool == "tflite" and not facts.has(flag)]
    return f"it has no {', '.join('--' + flag for flag in missing)}" if missing else None


def _stored(store: BinaryStore, record: BinaryRecord) -> Program:
    made = _program(store.path(record), abi=record.abi, origin=record.origin, name=record.label)
    artifact = replace(
        made.artifact,
        tool=record.tool,
        flex=_flex_of(store, record),
        source=record.source_kind if record.origin == "build" else record.source,
        revision=record.revision,
        dirty=record.dirty,
        target=record.target,
        flags=record.flags,
        bazel=record.bazel,
        ndk=record.ndk,
    )
    return replace(made, artifact=artifact)


def _named(program: Program, name: str) -> Program:
    return replace(program, artifact=replace(program.artifact, binary=name))


def _platform(info: DeviceInfo) -> Platform:
    return "linux" if info.virtual else "android"


def build_abi(info: DeviceInfo) -> str:
    """Return the ABI to build for a device, in the words of `harness build --abi`; one that cannot be built is named all the same."""
    abi = info.abis[0] if info.abis else "ABI"
    if not info.virtual:
        return abi
    return "linux_aarch64" if abi == "arm64-v8a" else f"linux_{abi}"


def _program(path: Path, *, abi: str, origin: str, name: str) -> Program:
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    log.info("chose the binary %s for %s (%s): %s, %s", name, abi, origin, path, sha256[:12])
    return Program(
        blob=Blob(path=path, sha256=sha256, size=len(data), executable=True),
        artifact=Artifact(name=name, sha256=sha256, abi=abi, size_bytes=len(data), origin=origin),
    )
