"""Reads a program file's ELF headers before it is pushed or executed.

Source of the format: the System V ABI (ELF header, program headers), and the Android NDK's note `.note.android.ident`.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment, NoteSegment

from harness.errors import HarnessError, UsageError

Platform = Literal["android", "linux", "any"]
"""The system whose dynamic linker the program names. `any`: it is statically linked and runs on both."""

# Machine and width; Android is always little-endian.
_ABI_OF_MACHINE = {
    ("EM_AARCH64", 64): "arm64-v8a",
    ("EM_ARM", 32): "armeabi-v7a",
    ("EM_X86_64", 64): "x86_64",
    ("EM_386", 32): "x86",
}
DAMAGED = (
    ELFError,
    ConstructError,
    AssertionError,
    ValueError,
    LookupError,
    ArithmeticError,
    AttributeError,
    TypeError,
)
"""The errors of a damaged file. pyelftools trusts what it reads, so they can be any of these."""

_ANDROID_LINKERS = ("/system/bin/linker", "/apex/com.android.runtime/bin/linker")
_REMEDY = "get one: harness build --help"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramFile:
    """An ELF program as its own headers describe it."""

    abi: str
    """Android's word for the machine: arm64-v8a, armeabi-v7a, x86_64, x86; on Linux too."""
    platform: Platform
    interpreter: str | None
    """Path of the dynamic linker; None if the program is statically linked."""
    symbols: bool
    """Whether it has a symbol table. Without one, a sampling profiler on the device shows addresses instead of functions."""
    ndk: str | None = None
    """The NDK's version from the file, such as `r25c`; None if it is missing."""
    android_api: int | None = None
    """The lowest API level that it was built for, from the same note."""

    @property
    def described(self) -> str:
        """In words: `an Android program for arm64-v8a`."""
        kind = {"android": "an Android program", "linux": "a Linux program", "any": "a static program"}[self.platform]
        return f"{kind} for {self.abi}"


def read_program(path: Path) -> ProgramFile:
    """Read the headers of a program and check that the file is whole.

    Raises:
        UsageError: the file cannot be read, is not an ELF program, is cut off, or is for a machine that no Android device has.
    """
    try:
        found = path.stat()
        size = found.st_size
        if not stat.S_ISREG(found.st_mode):
            # Checked before opening, because a pipe would wait for a writer.
            raise UsageError(f"{path} is {_kind_of_node(found.st_mode)}, not a program", remedy=_REMEDY)
        with path.open("rb") as stream:
            magic = stream.read(4)
            if magic != b"\x7fELF":
                raise UsageError(f"{path} is {_kind_of(size, path)}, not a program", remedy=_REMEDY)
            stream.seek(0)
            return _read(stream, path, size)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def is_script(path: Path) -> bool:
    """Return whether a file begins with `#!`."""
    try:
        if not path.is_file():
            return False  # a pipe would wait for a writer
        with path.open("rb") as stream:
            return stream.read(2) == b"#!"
    except OSError:
        return False


def require(program: ProgramFile, what: str, *, abi: str | None = None, platform: Platform | None = None) -> None:
    """Check that a program is for a machine and a system.

    Args:
        program: the program's headers.
        what: its name in the error: its path, or what it was built as.
        abi: the required ABI.
        platform: the required system; a static program runs on both.

    Raises:
        UsageError: the program is for another machine or system.
    """
    if abi is not None and program.abi != abi:
        raise UsageError(f"{what} is {program.described}, not for {abi}", remedy=_REMEDY)
    if platform is not None and program.platform not in (platform, "any"):
        name = {"android": "an Android device", "linux": "Linux", "any": "any system"}[platform]
        raise UsageError(
            f"{what} is {program.described} (it asks for {program.interpreter}): it cannot run on {name}",
            remedy=_REMEDY,
        )


def _read(stream: Any, path: Path, size: int) -> ProgramFile:
    try:
        elf = ELFFile(stream)
        header = elf.header
        end = max(
            header["e_phoff"] + header["e_phnum"] * header["e_phentsize"],
            header["e_shoff"] + header["e_shnum"] * header["e_shentsize"],
        )
        if end > size:
            raise UsageError(f"{path} is cut off: {size} bytes, its headers alone end at {end}", remedy=_REMEDY)
        segments = list(elf.iter_segments())
        end = max([segment["p_offset"] + segment["p_filesz"] for segment in segments], default=0)
        if end > size:
            raise UsageError(f"{path} is cut off: {size} bytes of {end}", remedy=_REMEDY)
        if header["e_type"] not in ("ET_EXEC", "ET_DYN") or not segments:
            raise UsageError(f"{path} is an object file or a core dump, not a program", remedy=_REMEDY)
        abi = _ABI_OF_MACHINE.get((header["e_machine"], elf.elfclass)) if elf.little_endian else None
        if abi is None:
            order = "" if elf.little_endian else ", big-endian"
            machine = f"{str(header['e_machine']).removeprefix('EM_')} ({elf.elfclass} bits{order})"
            raise UsageError(f"{path} is a program for the machine {machine}, which no device here has", remedy=_REMEDY)
        interpreter = next((_plain(s.get_interp_name()) for s in segments if isinstance(s, InterpSegment)), None)
        if interpreter is None and header["e_entry"] == 0:
            raise UsageError(f"{path} is a shared library, not a program", remedy=_REMEDY)
        api, ndk = _android_note(segments, little=elf.little_endian)
        symbols = elf.get_section_by_name(".symtab") is not None
    except HarnessError:
        raise
    except DAMAGED as error:
        raise UsageError(f"{path} is a damaged ELF file: {str(error)[:120] or 'unreadable'}", remedy=_REMEDY) from None
    return ProgramFile(
        abi=abi,
        platform=_platform(interpreter, android=api is not None),
        interpreter=interpreter,
        symbols=symbols,
        ndk=ndk,
        android_api=api,
    )


def _platform(interpreter: str | None, *, android: bool) -> Platform:
    if interpreter is None:
        return "any"
    return "android" if android or interpreter.startswith(_ANDROID_LINKERS) else "linux"


def _android_note(segments: list[Any], *, little: bool) -> tuple[int | None, str | None]:
    for segment in segments:
        if not isinstance(segment, NoteSegment):
            continue
        for note in segment.iter_notes():
            if note["n_name"] != "Android" or str(note["n_type"]) not in ("1", "NT_VERSION", "NT_GNU_ABI_TAG"):
                continue
            data = note["n_descdata"]
            data = data if isinstance(data, bytes) else str(data).encode("latin-1")
            if len(data) < 4:
                return None, None
            ndk = data[4:68].split(b"\0")[0].decode("ascii", "replace")
            return int.from_bytes(data[:4], "little" if little else "big"), _plain(ndk) or None
    return None, None


def _plain(text: str) -> str:
    """Make text from a file safe for a terminal: one line without control characters."""
    return "".join(c if c.isprintable() else "?" for c in text[:256])


def _kind_of_node(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a named pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device file"


_KINDS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK", "a zip or an APK"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"\xfd7zXZ\0", "an xz file"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"!<arch>\n", "a static library or a Debian package"),
    (0, b"MZ", "a Windows program"),
    (0, b"\xcf\xfa\xed\xfe", "a macOS program"),
    (0, b"\xca\xfe\xba\xbe", "a macOS program or a Java class"),
    (0, b"dex\n", "Android bytecode"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"LITERTLM", "a LiteRT-LM bundle"),
    (0, b"%PDF", "a PDF document"),
    (0, b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS (fetch the file itself: git lfs pull)"),
    (0, b"#!", "a script"),
)
"""Offset in the file, bytes there, kind of file. Sources: the formats' own documentation; `file`'s magic database."""


def _kind_of(size: int, path: Path) -> str:
    if size == 0:
        return "empty"
    with path.open("rb") as stream:
        head = stream.read(4096)
    for at, magic, kind in _KINDS:
        if head.startswith(magic, at):
            return kind
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        text = head[: error.start].decode("utf-8") if error.start > len(head) - 4 else "\0"
    if "\0" in text:
        return "an unknown binary file"
    return (
        "a web page" if text.lstrip()[:9].lower() in ("<!doctype", "<html>") or "<html" in text[:200] else "a text file"
    )
