"""Decides what goes wrong on virtual devices, and when: reads the YAML file of `--faults` and draws from it.

Pure: time and operations in, due faults out. `harness.virtual.fault_injector` makes them happen. docs/faults.md shows an example of each.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from harness.errors import SuiteError
from harness.files.strict_yaml import load_yaml_model
from harness.files.yaml_document import dotted, line_of


class FaultKind(StrEnum):
    """The kinds of faults. Users' files name them, so the list only grows."""

    LOST = "lost"
    """The device leaves the bus: every connection breaks. Its processes run on."""
    HUNG = "hung"
    """The device stays listed, but neither reads nor answers."""
    REBOOT = "reboot"
    STORAGE_FULL = "storage_full"
    READ_ONLY = "read_only"
    PERMISSION_DENIED = "permission_denied"
    UNAUTHORIZED = "unauthorized"
    """The device no longer trusts this computer's key and is listed as `unauthorized`."""
    BATTERY_LOW = "battery_low"
    BATTERY_DEAD = "battery_dead"
    """The device switches off, and boots when the fault is over."""
    KILLED = "killed"
    """The low-memory killer sends SIGKILL to the benchmark."""
    CRASHED = "crashed"
    """The benchmark gets SIGSEGV, with the log lines and the tombstone of a native crash."""
    TRUNCATED = "truncated"
    """A command's output breaks off; its exit code arrives."""
    SLOW = "slow"
    """A shell starts late and delivers its output late."""
    CLOCK_JUMP = "clock_jump"
    SAME_SERIAL = "same_serial"
    """`ro.serialno` and `ro.boot.serialno` become those of the farm's first device."""
    MOVED = "moved"
    """The device leaves the bus and comes back as another transport: over TCP, listed under its address."""
    ADB_SERVER_KILLED = "adb_server_killed"
    """The farm's ADB server gets SIGKILL; the farm starts another."""


Operation = Literal["shell", "push", "pull", "connect"]

_LASTING = {
    FaultKind.LOST: 3.0,
    FaultKind.HUNG: 30.0,
    FaultKind.STORAGE_FULL: 5.0,
    FaultKind.READ_ONLY: 5.0,
    FaultKind.PERMISSION_DENIED: 5.0,
    FaultKind.UNAUTHORIZED: 5.0,
    FaultKind.BATTERY_DEAD: 5.0,
    FaultKind.MOVED: 30.0,
}
"""Default durations in seconds. All other faults are momentary or permanent."""

_OF_ONE_COMMAND = frozenset({FaultKind.TRUNCATED, FaultKind.SLOW})


class FaultRule(BaseModel):
    """One entry of `faults`: the kind, the devices and the time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fault: FaultKind
    devices: Literal["all"] | tuple[int, ...] = "all"
    """Device numbers in the order of `virtual start`, from 1."""
    after_s: float | None = Field(default=None, ge=0)
    """Once, this many seconds after the devices came up."""
    every_s: float | None = Field(default=None, ge=0.1)
    """Repeatedly, each time after a random pause of 0.5 to 1.5 times this."""
    during: Operation | None = None
    """When this kind of operation begins, instead of by the clock."""
    match: str | None = None
    """Only operations whose command (shell) or path (push, pull) matches this regular expression somewhere."""
    nth: int | None = Field(default=None, ge=1)
    """The number of the matching operation on a device, from 1."""
    chance: float | None = Field(default=None, gt=0, le=1)
    """Probability for each matching operation, drawn from the seed."""
    times: int | None = Field(default=None, ge=1)
    """Most times on one device. Default: unlimited with `chance` and `every_s`, else once."""
    delay_s: tuple[float, float] | float = 0.0
    """Delay after the operation's start; for a pair, drawn from that range."""
    after_bytes: int = Field(default=0, ge=0)
    """push, pull: after this many bytes. truncated: this many bytes of the output arrive."""
    lasts_s: float | None = Field(default=None, gt=0)
    """Duration. `forever: true` for no end."""
    forever: bool = False
    by_s: float = 86400.0
    """clock_jump: seconds; negative jumps go back."""
    percent: int = Field(default=2, ge=0, le=100)
    """battery_low, battery_dead: charge afterwards, in percent."""
    pause_s: float = Field(default=0.5, ge=0, le=3600)
    """slow: delay before the command begins and before each part of its output."""

    @field_validator("devices", mode="before")
    @classmethod
    def _are_numbers(cls, value: Any) -> Any:
        numbers = value if isinstance(value, list | tuple) else ()
        if value != "all" and not (numbers and all(type(one) is int and one > 0 for one in numbers)):
            raise ValueError(f"{value!r} is neither `all` nor a list of device numbers from 1, such as [1, 3]")
        return value

    @field_validator("match")
    @classmethod
    def _is_a_pattern(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"is not a regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        given = [name for name in ("after_s", "every_s", "during") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("say when: exactly one of `after_s`, `every_s` and `during`")
        if self.during is None and (self.match or self.nth or self.chance or self.after_bytes):
            raise ValueError("`match`, `nth`, `chance` and `after_bytes` go with `during`")
        if self.nth and self.chance:
            raise ValueError("`nth` or `chance`, not both")
        if self.fault in _OF_ONE_COMMAND and self.during != "shell":
            raise ValueError(f"`{self.fault}` hits a command: it goes with `during: shell`")
        if self.forever and self.lasts_s is not None:
            raise ValueError("`lasts_s` or `forever`, not both")
        if self.lasts_s is not None and self.fault not in _LASTING:
            raise ValueError(f"`{self.fault}` has no `lasts_s`")
        low, high = self.delay_range_s
        if not 0 <= low <= high:
            raise ValueError("`delay_s` is a number of seconds, or a pair from the smaller to the larger")
        return self

    @property
    def delay_range_s(self) -> tuple[float, float]:
        """Bounds of the delay, in seconds."""
        return self.delay_s if isinstance(self.delay_s, tuple) else (self.delay_s, self.delay_s)

    @property
    def duration_s(self) -> float | None:
        """Duration in seconds; None if it has no end or no duration."""
        return None if self.forever else self.lasts_s or _LASTING.get(self.fault)

    @property
    def of_the_farm(self) -> bool:
        """Whether the clock triggers it once for all devices."""
        return self.fault is FaultKind.ADB_SERVER_KILLED and self.during is None

    @property
    def most(self) -> int | None:
        """Most times on one device; None: no limit."""
        return self.times if self.times or self.chance or self.every_s else 1


class FaultPlan(BaseModel):
    """A whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    """Seed of all random draws. One device's draws do not depend on what happens to the others."""
    faults: tuple[FaultRule, ...] = Field(min_length=1)


def load_fault_plan(path: Path, devices: int | None = None) -> FaultPlan:
    """Read a file of faults.

    Args:
        path: the file.
        devices: the number of devices; None if not known yet.

    Raises:
        SuiteError: the file cannot be read, is invalid, or is for a missing device; names the line and the key.
    """
    plan = load_yaml_model(path, FaultPlan)
    if devices is not None and (missing := missing_device(plan, devices)) is not None:
        number, device = missing
        key = ("faults", number - 1, "devices")
        there = "there is only 1 device" if devices == 1 else f"there are {devices} devices"
        line = line_of(path.read_text(encoding="utf-8"), key)
        raise SuiteError(f"there is no device {device}", file=path, line=line, key=dotted(key), remedy=there)
    return plan


def missing_device(plan: FaultPlan, devices: int) -> tuple[int, int] | None:
    """Return the number of the first fault, from 1, that is for a missing device, and that device's number."""
    for number, rule in enumerate(plan.faults, 1):
        for device in () if rule.devices == "all" else rule.devices:
            if device > devices:
                return number, device
    return None


@dataclass(frozen=True, slots=True)
class DueFault:
    """A fault that is due now (after its delay).

    Args:
        rule: the entry of the file.
        number: the entry's number in the file, from 1.
        delay_s: the drawn delay.
        during: the operation that it hits, or `time`.
        text: command or path of that operation.
    """

    rule: FaultRule
    number: int
    delay_s: float
    during: str
    text: str = ""


FARM = 0
"""The number that stands for the farm itself."""


class DeviceFaults:
    """Decides which faults hit one device.

    Args:
        plan: the content of the file.
        device: the device's number, from 1; `FARM` for faults that hit all devices at once by the clock.
    """

    def __init__(self, plan: FaultPlan, device: int) -> None:
        self._rules = [
            _Counted(rule, number, random.Random(f"{plan.seed}/{device}/{number}"))  # noqa: S311  # not a secret
            for number, rule in enumerate(plan.faults, 1)
            if (device == FARM if rule.of_the_farm else device != FARM and _concerns(rule, device))
        ]

    def operation(self, kind: Operation, text: str) -> list[DueFault]:
        """Decide which faults hit an operation that begins, in the order of the file."""
        return [due for counted in self._rules if (due := counted.on_operation(kind, text))]

    def scheduled(self) -> Iterator[tuple[float, DueFault]]:
        """Yield the clock's faults in order of time, maybe endlessly: seconds since the devices came up, and the fault."""
        streams = [counted.by_time() for counted in self._rules]
        heads = [(head, stream) for stream in streams if (head := next(stream, None))]
        while heads:
            heads.sort(key=lambda item: item[0][0])
            head, stream = heads.pop(0)
            yield head
            if following := next(stream, None):
                heads.append((following, stream))


def _concerns(rule: FaultRule, device: int) -> bool:
    return rule.devices == "all" or device in rule.devices


class _Counted:
    """A rule, and how often it has been due on one device."""

    def __init__(self, rule: FaultRule, number: int, draws: random.Random) -> None:
        self._rule, self._number, self._draws = rule, number, draws
        self._seen = self._hits = 0

    def on_operation(self, kind: Operation, text: str) -> DueFault | None:
        rule = self._rule
        if rule.during != kind or (rule.match and not re.search(rule.match, text)):
            return None
        self._seen += 1
        # Always drawn, so that later draws do not depend on how many faults came before.
        lucky = self._draws.random() < rule.chance if rule.chance else self._seen >= (rule.nth or 1)
        delay_s = self._draws.uniform(*rule.delay_range_s)
        if not lucky or (rule.most is not None and self._hits >= rule.most):
            return None
        self._hits += 1
        return DueFault(rule, self._number, delay_s, kind, text)

    def by_time(self) -> Iterator[tuple[float, DueFault]]:
        rule = self._rule
        if rule.after_s is not None:
            yield rule.after_s + self._draws.uniform(*rule.delay_range_s), DueFault(rule, self._number, 0.0, "time")
        elif rule.every_s is not None:
            at = 0.0
            while rule.most is None or self._hits < rule.most:
                self._hits += 1
                at += rule.every_s * self._draws.uniform(0.5, 1.5)
                yield at, DueFault(rule, self._number, 0.0, "time")
