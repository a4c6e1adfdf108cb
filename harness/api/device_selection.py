"""Selects devices: phones on the user's ADB server, running virtual devices, or new ones for this command."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.api.attached_devices import NO_DEVICE_REMEDY, AttachedDevice, list_devices, remedy_for
from harness.devices.adb_target import AdbTarget
from harness.devices.device_config import DeviceConfig
from harness.devices.inventory import Inventory, take_inventory
from harness.errors import DeviceError, SetupError, UsageError
from harness.records import DeviceInfo
from harness.suite.suite_file import MatchEntry
from harness.virtual.farm import VirtualFarm


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyDevice:
    """A device that answers."""

    target: AdbTarget
    inventory: Inventory


@contextlib.contextmanager
def selected(
    selectors: Sequence[str],
    devices: str | MatchEntry | Sequence[str],
    configs: Mapping[str, DeviceConfig],
    notice: Callable[[str], None],
    *,
    lenient: bool = False,
) -> Iterator[list[ReadyDevice]]:
    """Yield the devices that `--device` names, else the suite's. Virtual ones started here end with the context.

    Args:
        selectors: values of `--device`: a serial, a config name, `any`, `virtual:N`, `virtual:PROFILE`.
        devices: the suite's `devices`, for use without selectors.
        configs: all device configs.
        notice: hears which devices are left out, and why.
        lenient: leave out named devices that cannot be used, as long as one can.

    Raises:
        UsageError: a selector is invalid.
        SetupError: there is no such device, or it is not usable; with the remedy.
    """
    profiles, others = _split(selectors, configs)
    with contextlib.ExitStack() as stack:
        live: list[ReadyDevice] = []
        if profiles:
            farm = stack.enter_context(VirtualFarm(profiles))
            started = [
                AttachedDevice(serial=serial, state="device", transport_id=None, port=farm.adb_port)
                for serial in farm.serials
            ]
            answers = _asked(started, configs)
            live += [_answer_of(one, answers) for one in started]
        if others or not selectors:
            live += _attached(others, devices, configs, notice, lenient=lenient)
        if not live:
            raise SetupError("no device", remedy=NO_DEVICE_REMEDY)
        yield live


def _split(selectors: Sequence[str], configs: Mapping[str, DeviceConfig]) -> tuple[list[str], list[str]]:
    known = [name for name, _ in sorted(_virtual(configs).items(), key=lambda item: _order(item[1]))]
    profiles: list[str] = []
    others: list[str] = []
    for selector in selectors:
        kind, colon, what = selector.partition(":")
        if kind != "virtual" or not colon:
            others.append(selector)
        elif what.isascii() and what.isdecimal() and 0 < int(what[:9]) <= 64:
            profiles += [known[i % len(known)] for i in range(int(what))]
        elif what in known or f"virtual-{what}" in known:
            profiles.append(what if what in known else f"virtual-{what}")
        else:
            raise UsageError(
                f"--device {selector}: no such virtual device",
                remedy=f"a number up to 64, or one of {', '.join(known)}",
            )
    return profiles, others


def _virtual(configs: Mapping[str, DeviceConfig]) -> dict[str, DeviceConfig]:
    return {name: config for name, config in configs.items() if config.virtual is not None}


def _order(config: DeviceConfig) -> int:
    return config.virtual.order if config.virtual is not None else 0


def _attached(
    names: Sequence[str],
    devices: str | MatchEntry | Sequence[str],
    configs: Mapping[str, DeviceConfig],
    notice: Callable[[str], None],
    *,
    lenient: bool = False,
) -> list[ReadyDevice]:
    listed = list_devices()
    attached = ", ".join(one.serial for one in listed) or "none"
    if not names and isinstance(devices, MatchEntry):
        everybody = _usable(listed, _asked(listed, configs), notice)
        found = [one for one in everybody if matches(one.inventory.info, devices.match)]
        if not found and listed:
            rule = ", ".join(f"{key} {value}" for key, value in devices.match.items())
            raise SetupError(f"no attached device matches the suite's rule: {rule}", remedy=f"attached: {attached}")
        return found
    wanted = list(names) or ([devices] if isinstance(devices, str) else [str(name) for name in devices])
    only_serials = {one.serial for one in listed}.issuperset(wanted)
    answers = _asked([one for one in listed if not only_serials or one.serial in wanted], configs)
    chosen: list[ReadyDevice] = []
    usable: list[ReadyDevice] | None = None
    for name in wanted:
        by_serial = [one for one in listed if one.serial == name]
        try:
            if by_serial:
                lives = [_the_only(by_serial, answers)]
            else:
                usable = usable if usable is not None else _usable(listed, answers, notice)
                lives = usable if name == "any" else [one for one in usable if one.inventory.info.config == name]
                if not lives and name != "any":
                    remedy = f"attached: {attached}; {NO_DEVICE_REMEDY}"
                    raise SetupError(f"no device {name!r} is attached", remedy=remedy)
        except SetupError as error:
            if not lenient:
                raise
            notice(f"left out: {error}")
            continue
        known = {one.target.serial for one in chosen}
        chosen += [one for one in lives if one.target.serial not in known]
    if not chosen:
        for unusable in listed:
            _refuse_unusable(unusable)
    return chosen


_AT_ONCE = 64

_Answers = Mapping[AttachedDevice, ReadyDevice | SetupError]
"""Devices with their inventory, or the error of taking it."""


def _asked(listed: Sequence[AttachedDevice], configs: Mapping[str, DeviceConfig]) -> _Answers:
    """Query all at once: one that hangs takes half a minute, so ten in a row would take five."""
    able = [one for one in listed if one.state == "device"]
    with ThreadPoolExecutor(min(len(able), _AT_ONCE) or 1, thread_name_prefix="ask") as pool:
        return dict(zip(able, pool.map(lambda one: _inventoried(one, configs), able), strict=True))


def _answer_of(one: AttachedDevice, answers: _Answers) -> ReadyDevice:
    answer = answers[one]
    if isinstance(answer, SetupError):
        raise answer
    return answer


def _the_only(by_serial: Sequence[AttachedDevice], answers: _Answers) -> ReadyDevice:
    _refuse_unusable(by_serial[0])
    if len(by_serial) > 1:
        raise SetupError(
            f"{len(by_serial)} attached devices say that they are {by_serial[0].serial}",
            remedy="a run could not tell them apart: unplug all but one",
        )
    return _answer_of(by_serial[0], answers)


def _usable(listed: Sequence[AttachedDevice], answers: _Answers, notice: Callable[[str], None]) -> list[ReadyDevice]:
    """All usable devices, with a notice for each other one: one hung phone must not stop the rest."""
    usable: list[ReadyDevice] = []
    serials = [one.serial for one in listed]
    for one in listed:
        try:
            _refuse_unusable(one)
            if serials.count(one.serial) > 1:
                raise SetupError(f"several attached devices say that they are {one.serial}")
            usable.append(_answer_of(one, answers))
        except SetupError as error:
            notice(f"left out: {error}")
    return usable


def _refuse_unusable(one: AttachedDevice) -> None:
    if one.state != "device":
        raise SetupError(f"{one.serial} is {one.state}", remedy=remedy_for(one.state))


def matches(info: DeviceInfo, rules: Mapping[Any, str]) -> bool:
    """Say whether a device has all these properties. Values may hold `*` and `?`; letter case does not count."""
    for key, pattern in rules.items():
        value = str(getattr(info, str(key)) or "")
        if not fnmatch.fnmatchcase(value.lower(), str(pattern).lower()):
            return False
    return True


def _inventoried(one: AttachedDevice, configs: Mapping[str, DeviceConfig]) -> ReadyDevice | SetupError:
    # By serial: a restarted server counts transport ids from 1, so an old id may name another device.
    target = AdbTarget(one.serial, port=one.port)
    try:
        return ReadyDevice(target=target, inventory=take_inventory(target, configs))
    except DeviceError as error:
        return SetupError(
            f"{error.message}", remedy=error.remedy or "unplug it and plug it in again, or leave it out with --device"
        )
