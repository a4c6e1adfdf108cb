"""Reads the flags for Bazel from `bazel/benchmark_model.bazelrc`, their only source.

Source of the format: Bazel's documentation of bazelrc files (`COMMAND:CONFIG FLAGS`, words quoted as in a shell, `#` comments).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import SetupError, UsageError
from harness.files.shipped_data import data_dir

BUILD_ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64", "linux_x86_64", "linux_aarch64")
"""ABIs that can be built: Android's by their own names, Linux ones with `linux_` in front."""

_PREFIX = "benchmark_"
_DEVICE_ABI = {"linux_x86_64": "x86_64", "linux_aarch64": "arm64-v8a"}


def rc_path() -> Path:
    """Return the path of the file with the profiles."""
    return data_dir("bazel") / "benchmark_model.bazelrc"


def device_abi(build_abi: str) -> str:
    """Return the machine of a build ABI in Android's words, as for devices and ELF headers."""
    return _DEVICE_ABI.get(build_abi, build_abi)


def is_android(build_abi: str) -> bool:
    """Return whether a build ABI is one of Android's."""
    return not build_abi.startswith("linux_")


def parse_abis(text: str) -> tuple[str, ...]:
    """Read `ABI[,ABI]` as a user writes it.

    Raises:
        UsageError: an ABI is unknown or given twice.
    """
    abis = tuple(word.strip() for word in text.split(","))
    for index, abi in enumerate(abis):
        if abi not in BUILD_ABIS:
            raise UsageError(f"--abi {abi or text}: unknown", remedy=f"one of {', '.join(BUILD_ABIS)}")
        if abi in abis[:index]:
            raise UsageError(f"--abi: {abi} is given twice")
    return abis


def read_profiles(path: Path) -> dict[str, tuple[str, ...]]:
    """Read the profiles: config name to flags.

    Raises:
        SetupError: the file cannot be read, or contains another kind of line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}", remedy="install the harness anew") from None
    profiles: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise SetupError(f"{path}:{number}: {error}") from None
        if not words:
            continue
        command, colon, name = words[0].partition(":")
        if command != "build" or not colon or not name.startswith(_PREFIX):
            raise SetupError(f"{path}:{number}: only `build:{_PREFIX}NAME FLAGS` is read here, not {words[0]!r}")
        profiles[name] = (*profiles.get(name, ()), *words[1:])
    return profiles


def config_names(abi: str, purposes: Sequence[str]) -> tuple[str, ...]:
    """Return the configs of a build for use by hand: one `--config=NAME` each, together with `--bazelrc`."""
    return tuple(_PREFIX + name for name in (abi, *purposes))


def build_flags(profiles: Mapping[str, Sequence[str]], abi: str, purposes: Sequence[str]) -> tuple[str, ...]:
    """Collect all flags of a build. Profiles of this file are expanded; configs of the source tree stay configs.

    Raises:
        SetupError: the file lacks a profile, or one contains itself.
    """
    flags: list[str] = []
    for name in config_names(abi, purposes):
        flags += _expand(profiles, name, ())
    return tuple(flags)


def _expand(profiles: Mapping[str, Sequence[str]], name: str, open_names: tuple[str, ...]) -> list[str]:
    if name in open_names:
        raise SetupError(f"{rc_path()}: config {name} contains itself")
    if name not in profiles:
        raise SetupError(f"{rc_path()} has no line build:{name}")
    flags: list[str] = []
    for flag in profiles[name]:
        inner = flag.removeprefix("--config=")
        flags += _expand(profiles, inner, (*open_names, name)) if flag != inner and inner in profiles else [flag]
    return flags
