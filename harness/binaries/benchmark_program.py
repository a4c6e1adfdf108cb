"""Tells from its content whether a program is `benchmark_model`, before the harness keeps, pushes or runs it.

An ELF header says what a program runs on, not what it is: `/bin/ls` would fail on the device, after the push. The tool's file holds its
output lines as it prints them; the file's name proves nothing. A small program that only starts another one is accepted, because it may
start the tool; its `--help` shows on the device what it is.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from harness.binaries.elf import DAMAGED, Platform, ProgramFile, read_program
from harness.errors import UsageError

# Output lines, not flags: a compiler may turn short words into numbers in its code. Sources: tensorflow/lite/tools/benchmark
# (benchmark_model.cc and its README; the first line in every version since 1.12) and LiteRT's benchmark_litert_model.h.
_ITS_WORDS = re.compile(rb"[Ii]nference timings in us|Running benchmark for at least |BENCHMARK RESULTS")
_ITS_SIBLING = b"--perf_options_list"
"""Of `benchmark_model_performance_options` (benchmark_performance_options.cc), which runs the tool many times with its own choices."""
_PACKED = b"UPX!"
_FLEX_WORDS = b"TfLiteFlexDelegate"
"""The Flex delegate's name (tensorflow/lite/delegates/flex/delegate.cc), which it prints. A program without Flex only holds the name of
the function that would make one."""
_FLEX_NAMES = re.compile(r"plus[_-]?flex|with[_-]?flex", re.IGNORECASE)

_MOST_OF_A_WRAPPER = 16
"""Functions that a program imports. `setsid` imports 34, `/bin/ls` 111; a program that sets something and calls `execv`, about 10."""

_REMEDY = "get one: harness build --help"

_ABI_WORDS: dict[str, str] = {
    "aarch64": "arm64-v8a",
    "arm64": "arm64-v8a",
    "arm64-v8a": "arm64-v8a",
    "armeabi-v7a": "armeabi-v7a",
    "armv7": "armeabi-v7a",
    "armv7a": "armeabi-v7a",
    "arm": "armeabi-v7a",
    "x86-64": "x86_64",
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "x86": "x86",
    "i386": "x86",
    "i686": "x86",
}
_ABI_IN_NAME = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(sorted(_ABI_WORDS, key=len, reverse=True))})(?![a-z0-9])")
_SYSTEM_IN_NAME = re.compile(r"(?<![a-z0-9])(android|linux)(?![a-z0-9])")


def read_benchmark(path: Path) -> ProgramFile:
    """Read the headers of a `benchmark_model`.

    Raises:
        UsageError: as `read_program` and `require_benchmark`.
    """
    program = read_program(path)
    require_benchmark(path, program)
    return program


def require_benchmark(path: Path, program: ProgramFile) -> None:
    """Check that a program is `benchmark_model`.

    Args:
        path: its file.
        program: its headers.

    Raises:
        UsageError: it is another program, or cannot be read.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            words = _ITS_WORDS.search(content) is not None
            sibling, packed = content.find(_ITS_SIBLING) >= 0, content.find(_PACKED) >= 0
    except (OSError, ValueError) as error:  # ValueError: emptied since its headers were read
        raise UsageError(f"{path} cannot be read: {error}") from None
    if sibling:
        raise UsageError(
            f"{path} is benchmark_model_performance_options, which chooses delegates and threads itself",
            remedy="take benchmark_model of the same build",
        )
    if not words and _is_wrapper(path):
        return
    if not words and packed:
        raise UsageError(f"{path} is packed, so nobody can tell what it is", remedy="unpack it: upx -d")
    if not words:
        raise UsageError(
            f"{path} is {program.described}, but no benchmark_model: it holds none of its output lines", remedy=_REMEDY
        )


def has_flex(path: Path) -> bool | None:
    """Say whether a program has TensorFlow's own ops (Select TF ops); None if neither its content nor its name tells.

    A script or a small program may start any other one.
    """
    if _FLEX_NAMES.search(path.name) is not None:
        return True
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(_FLEX_WORDS) >= 0:
                return True
            told = _ITS_WORDS.search(content) is not None and content.find(_PACKED) < 0
        with path.open("rb") as stream:
            libraries = _libraries(stream) if told else []
    except (OSError, ValueError, *DAMAGED):
        return None
    # A library of this name may bring the ops.
    return False if told and not any("flex" in name.lower() for name in libraries) else None


def _libraries(stream: BinaryIO) -> list[str]:
    """Names of the shared libraries that a program asks for."""
    table = ELFFile(stream).get_section_by_name(".dynamic")
    tags: Iterable[Any] = table.iter_tags("DT_NEEDED") if isinstance(table, DynamicSection) else ()
    return [str(tag.needed) for tag in tags]


def _is_wrapper(path: Path) -> bool:
    """Say whether a program does little but start another one."""
    try:
        with path.open("rb") as stream:
            table = ELFFile(stream).get_section_by_name(".dynsym")
            symbols = list(table.iter_symbols()) if isinstance(table, SymbolTableSection) else []
            asked = [symbol.name for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF" and symbol.name]
    except (OSError, *DAMAGED):
        return False
    return len(asked) <= _MOST_OF_A_WRAPPER and any(name.startswith(("exec", "posix_spawn")) for name in asked)


def check_name(path: Path, program: ProgramFile) -> None:
    """Check that a file fits its name, such as `android_aarch64_benchmark_model`, because a wrong one is a mistake.

    Raises:
        UsageError: its name names another machine or system.
    """
    name = path.name.lower()
    abis = {_ABI_WORDS[word] for word in _ABI_IN_NAME.findall(name)}
    systems = set(_SYSTEM_IN_NAME.findall(name))
    said: Platform | None = None
    if len(systems) == 1:
        said = "android" if "android" in systems else "linux"
    wrong_abi = len(abis) == 1 and program.abi not in abis
    wrong_system = said is not None and program.platform not in (said, "any")
    if wrong_abi or wrong_system:
        raise UsageError(
            f"{path} is {program.described}, and its name says otherwise",
            remedy="take the right file, or say what it is: --abi",
        )
