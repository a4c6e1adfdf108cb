"""ELF programs made by hand: headers and one segment, enough for anybody who only reads them."""

from __future__ import annotations

import struct
from pathlib import Path

MACHINES = {"arm64-v8a": 183, "armeabi-v7a": 40, "x86_64": 62, "x86": 3}
ANDROID_LINKER = {
    "arm64-v8a": "/system/bin/linker64",
    "armeabi-v7a": "/system/bin/linker",
    "x86_64": "/system/bin/linker64",
}
LINUX_LINKER = {"arm64-v8a": "/lib/ld-linux-aarch64.so.1", "x86_64": "/lib64/ld-linux-x86-64.so.2"}
WORDS = b"Average inference timings in us: Warmup: \0"


def elf(
    abi: str = "arm64-v8a",
    interpreter: str | None = "/system/bin/linker64",
    *,
    machine: int | None = None,
    kind: int = 3,
    payload: bytes = b"",
    note: bytes = b"",
    words: bytes = WORDS,
) -> bytes:
    """A program (kind 3: position-independent executable) with one loaded segment that holds all of it.

    Args:
        abi: decides about the machine and about 32 or 64 bits.
        interpreter: its dynamic linker; None for a static program.
        machine: another e_machine.
        kind: e_type.
        payload: bytes that make it differ from others.
        note: the description of an Android note.
        words: what shows that it is benchmark_model.
    """
    payload = words + payload
    wide = abi in ("arm64-v8a", "x86_64")
    header_size, entry_size = (64, 56) if wide else (52, 32)
    wanted = b"" if interpreter is None else interpreter.encode() + b"\0"
    notes = struct.pack("<III", 8, len(note), 1) + b"Android\0" + note if note else b""
    count = 1 + bool(wanted) + bool(notes)
    at = header_size + count * entry_size
    total = at + len(wanted) + len(notes) + len(payload)
    parts = [(1, 0, total)]
    if wanted:
        parts.append((3, at, len(wanted)))
    if notes:
        parts.append((4, at + len(wanted), len(notes)))
    table = b"".join(_segment(wide, *part) for part in parts)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    sizes = (header_size, entry_size, count, 64 if wide else 40, 0, 0)
    what = (kind, machine if machine is not None else MACHINES[abi], 1)
    layout = "<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH"
    header = struct.pack(layout, *what, at, header_size, 0, 0, *sizes)
    return ident + header + table + wanted + notes + payload


def write_elf(path: Path, *arguments: str | None, **keys: object) -> Path:
    """`elf` into a file."""
    path.write_bytes(elf(*arguments, **keys))  # type: ignore[arg-type]  # passed on as they are
    path.chmod(0o755)
    return path


def _segment(wide: bool, kind: int, offset: int, size: int) -> bytes:
    if wide:
        return struct.pack("<IIQQQQQQ", kind, 5, offset, offset, offset, size, size, 4)
    return struct.pack("<IIIIIIII", kind, offset, offset, offset, size, size, 5, 4)
