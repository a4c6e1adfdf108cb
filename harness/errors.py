"""What can go wrong, sorted by the question a caller asks: is it worth trying again?

HarnessError                 everything below; carries `message`, `remedy` and `cause`
├── UsageError               the request was wrong: exit code 2
│   └── SuiteError           a YAML file: names the file, the line and the key
├── SetupError               the environment is not ready (no adb, no device, no binary): exit code 3
├── BuildFailed              Bazel built no benchmark_model: exit code 1; carries `action`, `lines`, `log`
└── DeviceError              one device failed; carries `serial`; becomes a Result, never ends a run
    ├── TransientError       trying again may help
    │   ├── DeviceLost       it left the bus, or its transport closed in the middle of a command
    │   ├── DeviceHung       it is listed but does not answer in time
    │   ├── DeviceRebooted   it came back with another boot id
    │   ├── AdbServerLost    the ADB server itself went away
    │   ├── BatteryEmpty     it went off for want of charge, and is back
    │   ├── PushFailed       a file did not arrive whole
    │   └── DeviceBusy       another harness process measures on it
    └── StableError          trying again the same way will fail the same way
        ├── DeviceUnauthorized
        ├── StorageFull
        ├── StorageRefused   its storage is read-only, or closed to us
        └── CommandFailed    a command on the device exited non-zero; carries `command`, `exit_code`, `output`
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.records.causes import Cause


class HarnessError(Exception):
    """Base of all errors that the harness raises on purpose.

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
    """The request was wrong: a flag, a path, a YAML file. Exit code 2."""


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
        """All mistakes of a file as one error: the first one, with the others behind it."""
        first = errors[0]
        first.further = tuple(errors[1:])
        return first

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *map(str, self.further)])


class SetupError(HarnessError):
    """Something that the harness needs is not there. Exit code 3; `remedy` says how to get it."""


class BuildFailed(HarnessError):
    """Bazel ran and built nothing: the source does not compile, a target is missing.

    Args:
        message: what failed, in one sentence.
        action: Bazel's own failing action (`CppCompile //label`); None where it failed before any.
        lines: the first lines of what it said.
        log: the whole log.
    """

    def __init__(self, message: str, *, action: str | None, lines: tuple[str, ...], log: Path) -> None:
        super().__init__(message, remedy="\n  ".join([*lines, f"log: {log}"]))
        self.action, self.lines, self.log = action, lines, log


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
    """The device left the bus, or its transport closed in the middle of a command."""

    cause = Cause.DEVICE_LOST


class DeviceHung(TransientError):
    """The device is listed but does not answer in time."""

    cause = Cause.DEVICE_HUNG


class DeviceRebooted(TransientError):
    """The device came back with another boot id."""

    cause = Cause.DEVICE_REBOOTED


class BatteryEmpty(TransientError):
    """It went off for want of charge, and is back."""

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
    """No room on the device."""

    cause = Cause.STORAGE_FULL


class StorageRefused(StableError):
    """What we would write is refused: a read-only file system, or no permission."""

    cause = Cause.PUSH_FAILED


class CommandFailed(StableError):
    """A command on the device exited non-zero where it must not.

    Args:
        command: what was run.
        exit_code: its exit code.
        output: the last of what it printed.
        serial: the device.
    """

    def __init__(self, command: str, *, exit_code: int, output: str, serial: str) -> None:
        super().__init__(f"`{command}` exited with {exit_code}: {output.strip()[-400:]}", serial=serial)
        self.command, self.exit_code, self.output = command, exit_code, output
