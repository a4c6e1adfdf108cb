"""Renders the state into files below `/sys` and `/proc`, and writes them to the device.

Files below `/sys` are replaced by renaming, so a reader never sees part of a value. Files over `/proc` are mounted one by one and
cannot be replaced, so they are overwritten in place with text of the same length.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from harness.devices.cpu_list import format_list
from harness.devices.device_config import Cluster
from harness.virtual.android.layout import mode_of
from harness.virtual.android.state import DeviceState

_CPU = "sys/devices/system/cpu"
_BATTERY = "sys/class/power_supply/battery"
WRITABLE = ("scaling_governor", "scaling_min_freq", "scaling_max_freq", "scaling_setspeed")
"""Files of a cpufreq policy that root can write."""


def policy_dir(cluster: Cluster) -> str:
    """Return the folder of a cluster's cpufreq policy, relative to the device's tree."""
    return f"{_CPU}/cpufreq/policy{cluster.cpus[0]}"


def cluster_of(state: DeviceState, path: str) -> Cluster:
    """Return the cluster to whose policy a file belongs. The path is relative to the device's tree."""
    return next(cluster for cluster in state.config.clusters if path.startswith(f"{policy_dir(cluster)}/"))


def static_files(state: DeviceState) -> dict[str, str]:
    """Render the files that do not change between two boots."""
    cpus = format_list(state.config.cpus)
    files = {f"{_CPU}/{name}": cpus for name in ("possible", "present", "online")}
    files |= {f"{_CPU}/offline": "", f"{_CPU}/kernel_max": str(len(state.config.cpus) - 1)}
    for index, cluster in enumerate(state.config.clusters):
        siblings = format_list(cluster.cpus)
        for cpu in cluster.cpus:
            here = f"{_CPU}/cpu{cpu}"
            files |= {
                f"{here}/online": "1",
                f"{here}/topology/physical_package_id": "0",
                f"{here}/topology/cluster_id": str(index),
                f"{here}/topology/core_id": str(cpu),
                f"{here}/topology/core_siblings_list": cpus,
                f"{here}/topology/cluster_cpus_list": siblings,
                f"{here}/topology/thread_siblings_list": str(cpu),
            }
            if state.virtual.cpu_capacity:
                files[f"{here}/cpu_capacity"] = str(cluster.capacity)
        frequencies = state.virtual.clusters[cluster.name].frequencies_khz
        files |= {
            f"{policy_dir(cluster)}/{name}": text
            for name, text in {
                "related_cpus": " ".join(map(str, cluster.cpus)),
                "affected_cpus": " ".join(map(str, cluster.cpus)),
                "cpuinfo_min_freq": str(frequencies[0]),
                "cpuinfo_max_freq": str(frequencies[-1]),
                "scaling_available_frequencies": " ".join(map(str, frequencies)) + " ",
                "scaling_available_governors": " ".join(state.virtual.governors) + " ",
                "scaling_driver": "virtual-cpufreq",
            }.items()
        }
    battery = state.virtual.battery
    files |= {
        f"{_BATTERY}/type": "Battery",
        f"{_BATTERY}/present": "1",
        f"{_BATTERY}/health": "Good",
        f"{_BATTERY}/technology": battery.technology,
        f"{_BATTERY}/charge_full": str(battery.capacity_mah * 1000),
        f"{_BATTERY}/charge_full_design": str(battery.capacity_mah * 1000),
        "sys/class/power_supply/usb/type": "USB",
        "sys/class/thermal/cooling_device0/type": "thermal-cpufreq-0",
        "sys/class/thermal/cooling_device0/max_state": "10",
    }
    for number, (kind, _) in enumerate(thermal_zones(state)):
        files |= {
            f"sys/class/thermal/thermal_zone{number}/type": kind,
            f"sys/class/thermal/thermal_zone{number}/mode": "enabled",
            f"sys/class/thermal/thermal_zone{number}/policy": "step_wise",
        }
    return _lines(files)


def thermal_zones(state: DeviceState) -> list[tuple[str, float]]:
    """Return type and temperature in degrees Celsius of each zone, in order of their numbers."""
    physics = state.physics
    if state.virtual.thermal.cpu_model == "single":
        zones = [("tsens_tz_sensor0", physics.hottest_c)]
    else:
        zones = [(f"cpu-{name}", cluster.temperature_c) for name, cluster in physics.clusters.items()]
        zones.append(("skin", physics.skin_c))
    return [*zones, ("battery", physics.battery_c)]


def live_files(state: DeviceState) -> dict[str, str]:
    """Render the files that follow the state."""
    physics = state.physics
    files: dict[str, str] = {}
    for cluster in state.config.clusters:
        files[f"{policy_dir(cluster)}/scaling_cur_freq"] = str(physics.clusters[cluster.name].frequency_khz)
    hidden = "thermal_zones_unreadable" in state.config.quirks
    for number, (_, celsius) in enumerate([] if hidden else thermal_zones(state)):
        files[f"sys/class/thermal/thermal_zone{number}/temp"] = str(round(celsius * 1000))
    charging = physics.plugged and physics.battery_level < 100
    status = "Charging" if charging else "Full" if physics.plugged else "Discharging"
    files |= {
        "sys/class/thermal/cooling_device0/cur_state": str(round((1 - physics.cap) * 10)),
        f"{_BATTERY}/status": status,
        f"{_BATTERY}/capacity": str(physics.battery_level),
        f"{_BATTERY}/temp": str(round(physics.battery_c * 10)),
        f"{_BATTERY}/voltage_now": str(battery_millivolts(state) * 1000),
        "sys/class/power_supply/usb/online": "1" if physics.plugged else "0",
    }
    found = _lines(files)
    for cluster in state.config.clusters:
        found |= writable_files(state, cluster)
    return found


def writable_files(state: DeviceState, cluster: Cluster) -> dict[str, str]:
    """Render the files of a cluster's policy that root can write."""
    now, here = state.physics.clusters[cluster.name], policy_dir(cluster)
    return _lines(
        {
            f"{here}/scaling_governor": now.governor,
            f"{here}/scaling_min_freq": str(now.limits_khz[0]),
            f"{here}/scaling_max_freq": str(now.limits_khz[1]),
            f"{here}/scaling_setspeed": str(now.frequency_khz) if now.governor == "userspace" else "<unsupported>",
        }
    )


def _lines(files: Mapping[str, str]) -> dict[str, str]:
    """Write each value on a line, as sysfs does."""
    return {name: text + "\n" for name, text in files.items()}


def battery_millivolts(state: DeviceState) -> int:
    """Return the open-circuit voltage of a lithium cell, assumed linear in its charge."""
    return 3500 + round(8.5 * state.physics.battery_level)


def proc_files(state: DeviceState, host: Path = Path("/proc")) -> dict[str, str]:
    """Render the files mounted over `/proc`. Used memory is the host's, limited to the profile's size."""
    total = state.virtual.ram_mb * 1024
    meminfo = {}
    for line in (host / "meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if match := re.fullmatch(r"\s*(\d+) kB", value):
            meminfo[name] = int(match[1])
    share = min(1.0, total / max(meminfo.get("MemTotal", total), 1))
    lines = [
        f"{name + ':':<15} {total if name == 'MemTotal' else round(amount * share):>8} kB"
        for name, amount in meminfo.items()
        if not name.startswith(("HugePages", "Hugepagesize", "DirectMap"))
    ]
    return _lines(
        {
            "proc/meminfo": "\n".join(lines),
            "proc/sys/kernel/random/boot_id": state.boot_id,
        }
    )


def cpuinfo(host_text: str, cores: int) -> str:
    """Return the host's `/proc/cpuinfo` in its own format, with as many processors as the profile has cores.

    Numbers that identify processors are made unique, because libraries that count cores (pytorch/cpuinfo in XNNPACK) use them as keys.
    """
    blocks = [block for block in host_text.split("\n\n") if block.strip()]
    processors = [block for block in blocks if re.match(r"processor\s*:", block)]
    others = [block for block in blocks if not re.match(r"processor\s*:", block)]
    if not processors:
        return host_text
    own = {"processor", "core id", "apicid", "initial apicid"}
    counts = {"siblings", "cpu cores"}
    made = []
    for core in range(cores):
        lines = []
        for line in processors[core % len(processors)].splitlines():
            key, colon, _ = line.partition(":")
            name = key.strip()
            value = core if name in own else cores if name in counts else 0 if name == "physical id" else None
            lines.append(line if value is None else f"{key}{colon} {value}")
        made.append("\n".join(lines))
    return "\n\n".join([*made, *others]) + "\n\n"


class LiveTree:
    """Writes those rendered files to a device that have changed.

    Args:
        path_of: returns a file's path on the host.
        written: the files' content since the boot.
    """

    def __init__(self, path_of: Callable[[str], Path], written: Mapping[str, str]) -> None:
        self._path_of, self._written = path_of, dict(written)
        self._served: frozenset[str] = frozenset()

    def leave(self, names: Iterable[str]) -> None:
        """Leave these files alone from now on: they are served (`served_files`)."""
        self._served = frozenset(names)

    def update(self, files: Mapping[str, str]) -> None:
        """Write the changed files."""
        for name, text in files.items():
            if self._written.get(name) != text and name not in self._served:
                if name.startswith("sys/"):
                    self._replace(self._path_of(name), text)
                else:
                    self._overwrite(self._path_of(name), text)
                self._written[name] = text

    def _replace(self, path: Path, text: str) -> None:
        fresh = path.with_name(f".{path.name}")
        fresh.write_text(text)
        fresh.chmod(mode_of("sys/"))
        fresh.rename(path)

    def _overwrite(self, path: Path, text: str) -> None:
        """Overwrite a file in place, because it is a mount of its own."""
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.pwrite(fd, text.encode(), 0)
            os.ftruncate(fd, len(text.encode()))
        finally:
            os.close(fd)

    def changed_on_device(self, names: Iterable[str]) -> dict[str, str]:
        """Return those of these files whose text somebody on the device has changed since it was written here. Served ones have none."""
        changed = {}
        for name in names:
            if name in self._served:
                continue
            with suppress(OSError, UnicodeDecodeError):
                text = self._path_of(name).read_text().strip()
                if text != self._written.get(name, "").strip():
                    changed[name] = text
                    # As it is now: it is replaced only if that is not what it should hold, since its writer may write again just then.
                    self._written[name] = f"{text}\n"
        return changed


def cpu_links(state: DeviceState) -> dict[str, str]:
    """Return links: `cpuN/cpufreq` to its cluster's policy, and Android's other path of the zones to the zones."""
    return {
        f"{_CPU}/cpu{cpu}/cpufreq": f"../cpufreq/policy{cluster.cpus[0]}"
        for cluster in state.config.clusters
        for cpu in cluster.cpus
    } | {"sys/devices/virtual/thermal": "../../class/thermal"}
