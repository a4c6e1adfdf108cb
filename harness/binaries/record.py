"""Records where a binary came from: one record per origin.

Format history (`format` in a record):
    1   first version
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from harness.binaries.elf import Platform, ProgramFile

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryRecord:
    """The origin of a binary. Unknown facts (the flags of a download) are None or empty, never guessed."""

    sha256: str
    size_bytes: int
    abi: str
    """The machine, in Android's words: arm64-v8a, armeabi-v7a, x86_64, x86."""
    platform: Platform
    symbols: bool
    origin: Literal["build", "prebuilt", "import"]
    added_at: datetime
    name: str | None = None
    """The user's name for it; suites can refer to it."""
    tool: Literal["tflite", "litert"] | None = None
    flex: bool | None = None
    source: str | None = None
    """The source tree of a build, the address of a download, or the path of an import."""
    source_kind: str | None = None
    """`tensorflow` or `litert`, for builds."""
    revision: str | None = None
    """Git commit of the source; the version, for downloads."""
    revision_name: str | None = None
    """The revision that the user asked for: a tag, a branch."""
    dirty: bool | None = None
    """Whether the tree had uncommitted changes."""
    target: str | None = None
    flags: tuple[str, ...] = ()
    bazel: str | None = None
    """Bazel's version that the build asked for (`.bazelversion`), or that ran."""
    ndk: str | None = None
    """`Pkg.Revision` of the NDK, for Android builds; for other binaries the NDK's note in the file."""
    duration_s: float | None = None
    log: str | None = None
    request: str | None = None
    """Hash of everything that the build depended on; an equal request needs no build."""
    format: int = FORMAT

    @property
    def build_abi(self) -> str:
        """The ABI in the words of `harness build --abi`."""
        if self.platform != "linux":
            return self.abi
        return "linux_aarch64" if self.abi == "arm64-v8a" else f"linux_{self.abi}"

    @property
    def label(self) -> str:
        """Short text for tables: the user's name, or a description."""
        if self.name:
            return self.name
        revision = self.revision_name or (self.revision or "")[:12]
        what = " ".join(word for word in (self.source_kind or "", revision) if word)
        return (what + ("+changes" if self.dirty else "")) or self.sha256[:12]


def described(record: BinaryRecord, seen: ProgramFile, *, sha256: str, size: int) -> BinaryRecord:
    """Complete a record with the facts of the file itself."""
    return replace(
        record,
        sha256=sha256,
        size_bytes=size,
        abi=seen.abi,
        platform=seen.platform,
        symbols=seen.symbols,
        ndk=record.ndk or seen.ndk,
    )


def new_record(origin: Literal["build", "prebuilt", "import"], source: str, *, name: str | None = None) -> BinaryRecord:
    """Make a record for `BinaryStore.add` to complete."""
    return BinaryRecord(
        sha256="",
        size_bytes=0,
        abi="",
        platform="any",
        symbols=False,
        origin=origin,
        source=source,
        name=name,
        added_at=datetime.now(UTC),
    )


def newest(records: Sequence[BinaryRecord]) -> BinaryRecord | None:
    """Return the record that was added last."""
    return max(records, key=lambda record: record.added_at, default=None)
