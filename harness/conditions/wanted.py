"""Translates a suite's conditions into the settings of one device, with reasons for those it cannot have. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.conditions import airplane_mode, cpufreq, fixed_performance, screen
from harness.conditions.journal import Setting
from harness.conditions.request import ConditionsRequest
from harness.devices.cpu_list import to_mask
from harness.devices.topology import Topology, resolve
from harness.errors import UsageError

_NEEDS_ROOT = "needs root, which this device does not give"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """Facts that decide which settings a device can have.

    Args:
        serial: serial in ADB's list; it shows whether the connection is Wi-Fi.
        virtual: a virtual device, reached over the loopback whatever its serial looks like.
        api_level: Android's API level, if known.
        root: how to become root (see `as_root`); None if impossible.
        topology: its cores.
        cpu_sets: words for cores from its config.
        policies: cores of each cpufreq policy.
        folder: the harness's folder on the device.
    """

    serial: str
    virtual: bool
    api_level: int | None
    root: str | None
    topology: Topology
    cpu_sets: Mapping[str, Sequence[int]]
    policies: Mapping[int, tuple[int, ...]]
    folder: str


@dataclass(slots=True)
class Wanted:
    """Settings with their wanted values, and reasons for the conditions that the device cannot have."""

    values: dict[str, tuple[Setting, str]] = field(default_factory=dict)
    impossible: dict[str, str] = field(default_factory=dict)

    def add(self, setting: Setting, value: str) -> None:
        """Add a setting with its wanted value."""
        self.values[setting.key] = (setting, value)


def setting_of(key: str, able: Abilities) -> Setting | None:
    """Return the setting of a journal's key; None if this version or this device does not know it."""
    condition, _, policy = key.partition(":policy")
    match condition:
        case "governor" | "frequency" if policy.isdigit() and able.root is not None:
            make = cpufreq.governor if condition == "governor" else cpufreq.frequency
            return make(int(policy), able.root)
        case "fixed_performance":
            return fixed_performance.setting(able.folder)
        case "stay_awake":
            return screen.stay_awake()
        case "screen":
            return screen.screen()
        case "airplane_mode":
            return airplane_mode.setting()
    return None


def wanted_settings(request: ConditionsRequest, able: Abilities, clocks_khz: Mapping[int, tuple[int, ...]]) -> Wanted:
    """Translate a request; `clocks_khz` holds the clocks of each policy if it asks for frequencies."""
    wanted = Wanted()
    api_level = able.api_level or 0
    if request.fixed_performance:
        if api_level < fixed_performance.MIN_API_LEVEL:
            wanted.impossible["fixed_performance"] = f"needs Android 11 (API {fixed_performance.MIN_API_LEVEL})"
        else:
            wanted.add(fixed_performance.setting(able.folder), "true")
    if request.airplane_mode:
        if api_level < airplane_mode.MIN_API_LEVEL:
            wanted.impossible["airplane_mode"] = f"needs Android 11 (API {airplane_mode.MIN_API_LEVEL})"
        elif airplane_mode.cuts_us_off(able.serial) and not able.virtual:
            wanted.impossible["airplane_mode"] = "the device is reached over Wi-Fi, which it would switch off"
        else:
            wanted.add(airplane_mode.setting(), "enabled")
    if request.stay_awake:
        wanted.add(screen.stay_awake(), screen.ALL_PLUGS)
    if request.screen is not None:
        wanted.add(screen.screen(), "Awake" if request.screen == "on" else "Asleep")
    for label, governor in request.governor.items():
        for policy in _policies("governor", label, able, wanted):
            wanted.add(cpufreq.governor(policy, able.root or ""), governor)
    for label, clock in request.frequency.items():
        for policy in _policies("frequency", label, able, wanted):
            try:
                khz = cpufreq.choose_clock(clock, clocks_khz.get(policy, ()))
            except (ValueError, IndexError) as error:
                reason = str(error) if isinstance(error, ValueError) else "the device does not list its clocks"
                wanted.impossible["frequency"] = f"{label}: {clock}: {reason}"
                continue
            wanted.add(cpufreq.frequency(policy, able.root or ""), f"{khz} {khz}")
    return wanted


def _policies(condition: str, label: str, able: Abilities, wanted: Wanted) -> list[int]:
    if able.root is None:
        wanted.impossible[condition] = _NEEDS_ROOT
        return []
    try:
        cores = resolve(label, able.topology, able.cpu_sets)
    except UsageError as error:
        wanted.impossible[condition] = error.message
        return []
    if cores is None:
        wanted.impossible[condition] = f"the device has no cores {label!r}"
        return []
    return [policy for policy, cpus in able.policies.items() if to_mask(cpus) & cores.mask]
