"""The harness's own errors, sorted by the question that a caller asks: is it worth trying again?

HarnessError                 everything below; carries `message`, `remedy` and `cause`
├── UsageError               wrong request: exit code 2
│   └── SuiteError           a YAML file: names the file, the line and the key
├── SetupError               the environment is not ready (no adb, no device, no binary): exit code 3
├── BuildFailed              Bazel built no benchmark_model: exit code 1; carries `action`, `lines`, `log`
├── ModelFailed              a model cannot be converted, or does not run on this host: exit code 1
└── DeviceError              one device failed; carries `serial`; becomes a Result, never ends a run
    ├── TransientError       trying again may help
    │   ├── DeviceLost       the device left the bus, or the connection closed in the middle of a command
    │   ├── DeviceHung       the device is listed but does not answer in time
    │   ├── DeviceRebooted   the device came back with another boot id
    │   ├── AdbServerLost    the ADB server itself went away
    │   ├── BatteryEmpty     the battery ran empty; the device is back
    │   ├── PushFailed       a file did not arrive whole
    │   └── DeviceBusy       another harness process measures on the device
    └── StableError          trying again the same way will fail the same way
        ├── DeviceUnauthorized
        ├── StorageFull
        ├── StorageRefused   the storage is read-only or closed to the harness
        └── CommandFailed    a command on the device exited non-zero; carries `command`, `exit_code`, `output`
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.records.causes import Cause


class HarnessError(Exception):
    """Base class of all errors that the harness raises on purpose.

    Args:
        message: one sentence for the person at the terminal.
        remedy: what to do about it, if that is known.
    """

    cause: Cause = Cause.UNKNOWN

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class UsageError(HarnessError):
    """The request is wrong: a flag, a path or a YAML file. Exit code 2."""


class SuiteError(UsageError):
    """A YAML file holds a mistake.

    Args:
        message: what is wrong, without the place.
        file: the YAML file.
        line: 1-based line, where known.
        key: dotted key, such as `run.min_runs`, where known.
        remedy: the nearest valid word, or what to write instead.

    `further` holds the other mistakes of the same file.
    """

    further: tuple[SuiteError, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        file: Path | str,
        line: int | None = None,
        key: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.file, self.line, self.key = str(file), line, key
        place = self.file + (f":{line}" if line else "")
        super().__init__(f"{place}: {key + ': ' if key else ''}{message}", remedy=remedy)

    @staticmethod
    def of(errors: Sequence[SuiteError]) -> SuiteError:
        """Combine all mistakes of a file into one error: the first one, which carries the others in `further`."""
        first = errors[0]
        first.further = tuple(errors[1:])
        return first

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *map(str, self.further)])


class SetupError(HarnessError):
    """Something that the harness needs is missing. Exit code 3; `remedy` says how to get it."""


class BuildFailed(HarnessError):
    """Bazel ran and built nothing: the source does not compile, or a target is missing.

    Args:
        message: what failed, in one sentence.
        action: the Bazel action that failed (`CppCompile //label`); None if Bazel failed before any action.
        lines: the first lines of Bazel's error.
        log: path of the whole log.
    """

    def __init__(self, message: str, *, action: str | None, lines: tuple[str, ...], log: Path) -> None:
        super().__init__(message, remedy="\n  ".join([*lines, f"log: {log}"]))
        self.action, self.lines, self.log = action, lines, log


class ModelFailed(HarnessError):
    """A model cannot be converted, or does not run on this host. Exit code 1.

    Args:
        message: what failed, with the op if one is to blame.
        remedy: what to do about it.
        cause: the word for scripts.
    """

    def __init__(self, message: str, *, remedy: str | None = None, cause: Cause = Cause.MODEL_INVALID) -> None:
        super().__init__(message, remedy=remedy)
        self.cause = cause


class DeviceError(HarnessError):
    """One device failed.

    Args:
        message: what happened.
        serial: the device's ADB serial.
        remedy: what to do about it.
    """

    def __init__(self, message: str, *, serial: str, remedy: str | None = None) -> None:
        super().__init__(f"{serial}: {message}", remedy=remedy)
        self.serial = serial


class TransientError(DeviceError):
    """Trying again may help."""


class DeviceLost(TransientError):
    """The device left the bus, or its connection closed in the middle of a command."""

    cause = Cause.DEVICE_LOST


class DeviceHung(TransientError):
    """The device is listed but does not answer in time."""

    cause = Cause.DEVICE_HUNG


class DeviceRebooted(TransientError):
    """The device came back with another boot id."""

    cause = Cause.DEVICE_REBOOTED


class BatteryEmpty(TransientError):
    """The device switched off because its battery was empty, and is back."""

    cause = Cause.BATTERY_LOW


class AdbServerLost(TransientError):
    """The ADB server went away."""

    cause = Cause.ADB_SERVER_LOST


class PushFailed(TransientError):
    """A file did not arrive whole."""

    cause = Cause.PUSH_FAILED


class DeviceBusy(TransientError):
    """Another harness process holds the device's lease."""

    cause = Cause.CONDITION_NOT_MET


class StableError(DeviceError):
    """Trying again the same way will fail the same way."""


class DeviceUnauthorized(StableError):
    """The device has not accepted this computer's ADB key."""

    cause = Cause.DEVICE_UNAUTHORIZED


class StorageFull(StableError):
    """The device's storage is full."""

    cause = Cause.STORAGE_FULL


class StorageRefused(StableError):
    """The device refuses to store files: its file system is read-only, or permission is missing."""

    cause = Cause.PUSH_FAILED


class CommandFailed(StableError):
    """A command on the device failed: it exited non-zero where only 0 is acceptable.

    Args:
        command: what was run.
        exit_code: its exit code.
        output: the end of its output.
        serial: the device's ADB serial.
    """

    def __init__(self, command: str, *, exit_code: int, output: str, serial: str) -> None:
        super().__init__(f"`{command}` exited with {exit_code}: {output.strip()[-400:]}", serial=serial)
        self.command, self.exit_code, self.output = command, exit_code, output
