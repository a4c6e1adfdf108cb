"""What a device is: one shell command asks everything, and pure code reads the answers. The device's text is not trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.devices.cpu_list import parse_list
from harness.devices.device_config import DeviceConfig, match_config
from harness.devices.target import Target
from harness.devices.thermal_zones import ThermalZone, choose_zone, hal_zones, thermal_status, to_celsius
from harness.devices.topology import Topology, build_topology
from harness.errors import DeviceLost
from harness.records import DeviceInfo

_TIMEOUT_S = 30.0
_SECTION = "--8<-- "
_PROPERTY = re.compile(r"^\[([^\]]*)\]: \[(.*)\]\s*$", re.MULTILINE)
_GOVERNOR = re.compile(r"^/\S*/(policy[0-9]+)/scaling_governor:([a-z_]+)\s*$", re.MULTILINE)
_BECOME_ROOT = {"shell": "", "su 0 sh -c": "su 0 sh -c", "su -c": "su -c"}

# A section may be empty on a device that lacks it, but must not fail the whole script. Only commands that every Android since 7 has.
PROBE_SCRIPT = r"""
s() { echo "--8<-- $1"; }
s props; getprop
s present; cat /sys/devices/system/cpu/present 2>/dev/null || cat /sys/devices/system/cpu/possible 2>/dev/null
s online; cat /sys/devices/system/cpu/online 2>/dev/null
s cores
for c in /sys/devices/system/cpu/cpu[0-9]*; do
  echo "${c##*/cpu} $(cat $c/cpu_capacity 2>/dev/null || echo -) $(cat $c/cpufreq/cpuinfo_max_freq 2>/dev/null || echo -)"
done
s policies
for p in /sys/devices/system/cpu/cpufreq/policy[0-9]*; do
  [ -d $p ] && echo "${p##*/policy} $(cat $p/cpuinfo_max_freq 2>/dev/null || echo -) $(cat $p/related_cpus 2>/dev/null)"
done
s governors; grep . /sys/devices/system/cpu/cpufreq/policy[0-9]*/scaling_governor /dev/null 2>/dev/null
s zones
for z in /sys/class/thermal/thermal_zone[0-9]*; do
  [ -d $z ] && echo "${z##*zone} $(cat $z/temp 2>/dev/null || echo -) $(cat $z/type 2>/dev/null)"
done
s meminfo; cat /proc/meminfo 2>/dev/null
s boot; cat /proc/sys/kernel/random/boot_id 2>/dev/null
s root; if [ "$(id -u)" = 0 ]; then echo shell; elif command -v su >/dev/null 2>&1; then
  if [ "$(timeout 3 su 0 sh -c 'id -u' </dev/null 2>/dev/null)" = 0 ]; then echo su 0 sh -c
  elif [ "$(timeout 3 su -c 'id -u' </dev/null 2>/dev/null)" = 0 ]; then echo su -c; fi
fi
s cpuset; cat /proc/self/cpuset 2>/dev/null; grep Cpus_allowed_list /proc/self/status 2>/dev/null
s gles; dumpsys SurfaceFlinger 2>/dev/null | grep -m 1 GLES:
s kgsl; cat /sys/class/kgsl/kgsl-3d0/gpu_model 2>/dev/null
s devfreq; ls /sys/class/devfreq 2>/dev/null
s thermal; dumpsys thermalservice 2>/dev/null
s battery; dumpsys battery 2>/dev/null
s end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A device as it described itself."""

    info: DeviceInfo
    topology: Topology
    config: DeviceConfig | None
    properties: Mapping[str, str] = field(repr=False)
    boot_id: str
    zone: ThermalZone | None
    """The sensor of the CPU's temperature: of the kernel, else of the thermal HAL."""
    zones: tuple[ThermalZone, ...]
    thermal_status: int | None
    battery: Mapping[str, str]
    become_root: str | None
    """Prefix that runs a quoted shell text as root: empty if the shell is root itself, None if there is no way."""
    policies: Mapping[int, tuple[int, ...]]
    """cpufreq policies: folder number to cores."""
    cpuset: str | None
    """Name of the shell's cpuset (`/foreground`), if the kernel tells."""
    cpuset_cores: tuple[int, ...]
    """Cores of that cpuset, as the kernel numbers them; empty if unknown."""
    gpu: str | None
    """The GPU's name from the graphics driver, the GPU's own driver or a property."""

    @property
    def root(self) -> bool:
        """Whether commands can be run as root."""
        return self.become_root is not None

    @property
    def battery_percent(self) -> int | None:
        """Charge, 0..100."""
        level = self.battery.get("level", "")
        return int(level) if level.isdigit() and int(level) <= 100 else None


def take_inventory(target: Target, configs: Mapping[str, DeviceConfig]) -> Inventory:
    """Ask a device what it is.

    Raises:
        DeviceError: it cannot be reached, or its answer breaks off.
    """
    output = target.run(PROBE_SCRIPT, timeout_s=_TIMEOUT_S)
    text = output.stdout.decode(errors="replace")
    sections = _split(text)
    if "end" not in sections:
        raise DeviceLost("its description of itself broke off", serial=target.serial)
    return read_inventory(target.serial, sections, configs)


def read_inventory(serial: str, sections: Mapping[str, str], configs: Mapping[str, DeviceConfig]) -> Inventory:
    """Read the sections that `PROBE_SCRIPT` prints."""
    properties = dict(_PROPERTY.findall(sections.get("props", "")))
    config = match_config(configs, properties)
    topology = _topology(sections)
    zones = tuple(_zones(sections.get("zones", "")))
    thermal = sections.get("thermal", "")
    preferred = [zone.name for zone in config.thermal.zones if zone.role == "cpu"] if config else []
    virtual = properties.get("ro.harness.virtual") == "1"
    api_level = properties.get("ro.build.version.sdk", "")
    info = DeviceInfo(
        serial=serial,
        model=properties.get("ro.product.model"),
        manufacturer=properties.get("ro.product.manufacturer"),
        soc=_soc(properties) or (config.soc if config else None),
        android=properties.get("ro.build.version.release"),
        api_level=int(api_level) if api_level.isdigit() and len(api_level) < 6 else None,
        fingerprint=properties.get("ro.build.fingerprint"),
        abis=tuple(abi for abi in _abis(properties).split(",") if abi),
        ram_mb=_ram_mb(sections.get("meminfo", "")),
        cpu_clusters=topology.clusters,
        config=config.name if config else None,
        config_digest=config.digest if config else None,
        governors=dict(_GOVERNOR.findall(sections.get("governors", ""))),
        virtual=virtual,
        cpu_map=_cpu_map(properties.get("ro.harness.cpu_map", "")) if virtual else None,
    )
    return Inventory(
        info=info,
        topology=topology,
        config=config,
        properties=properties,
        boot_id=sections.get("boot", "").strip(),
        zone=choose_zone([*zones, *hal_zones(thermal)], preferred),
        zones=zones,
        thermal_status=thermal_status(thermal),
        battery=_battery(sections.get("battery", "")),
        become_root=_BECOME_ROOT.get(sections.get("root", "").strip()),
        policies=_policies(sections.get("policies", ""), topology),
        cpuset=next((line for line in sections.get("cpuset", "").splitlines() if line.startswith("/")), None),
        cpuset_cores=_allowed_cores(sections.get("cpuset", "")),
        gpu=_gpu(sections, properties),
    )


def _split(text: str) -> dict[str, str]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if line.startswith(_SECTION):
            current = sections.setdefault(line[len(_SECTION) :].strip(), [])
        else:
            current.append(line)
    return {name: "\n".join(lines) for name, lines in sections.items()}


def _topology(sections: Mapping[str, str]) -> Topology:
    capacities: dict[int, int] = {}
    frequencies: dict[int, int] = {}
    for line in sections.get("policies", "").splitlines():
        number, *rest = line.split()
        if rest and rest[0].isdigit():
            for cpu in rest[1:] or [number]:
                if cpu.isdigit():
                    frequencies[int(cpu)] = int(rest[0])
    for line in sections.get("cores", "").splitlines():
        fields = line.split()
        if len(fields) != 3 or not fields[0].isdigit():
            continue
        if fields[1].isdigit():
            capacities[int(fields[0])] = int(fields[1])
        if fields[2].isdigit():
            frequencies[int(fields[0])] = int(fields[2])
    try:
        return build_topology(
            present=sections.get("present", ""),
            online=sections.get("online", ""),
            capacities=capacities,
            max_frequencies_khz=frequencies,
        )
    except ValueError:
        # The core list is unreadable, so only the cores with files of their own are known.
        return build_topology(present="", online="", capacities=capacities, max_frequencies_khz=frequencies)


def _policies(text: str, topology: Topology) -> dict[int, tuple[int, ...]]:
    found = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 2 and all(field.isdigit() for field in (fields[0], *fields[2:])):
            found[int(fields[0])] = tuple(int(field) for field in fields[2:])
    # Without `related_cpus`, a policy's number is that of its first core.
    return found or {cluster.cpus[0]: cluster.cpus for cluster in topology.clusters}


def _allowed_cores(text: str) -> tuple[int, ...]:
    match = re.search(r"^Cpus_allowed_list:\s*([0-9,-]{1,200})$", text, re.MULTILINE)
    try:
        return parse_list(match.group(1)) if match else ()
    except ValueError:
        return ()


def _gpu(sections: Mapping[str, str], properties: Mapping[str, str]) -> str | None:
    """Read the GPU from SurfaceFlinger (`GLES: ARM, Mali-G715, OpenGL ES 3.2 v1.r44...`), else from the driver or the properties."""
    vendor, comma, rest = sections.get("gles", "").strip().removeprefix("GLES:").strip().partition(", ")
    if comma:
        return f"{vendor} {rest.partition(', ')[0]}".strip()
    if model := sections.get("kgsl", "").strip():
        return model
    devfreq = sections.get("devfreq", "").split()
    named = [name for name in devfreq if re.search(r"mali|gpu|kgsl", name, re.IGNORECASE)]
    return properties.get("ro.hardware.vulkan") or properties.get("ro.hardware.egl") or next(iter(named), None)


def _zones(text: str) -> list[ThermalZone]:
    zones = []
    for line in text.splitlines():
        number, _, rest = line.partition(" ")
        temperature, _, kind = rest.partition(" ")
        if number.isdigit():
            zones.append(ThermalZone(number=int(number), type=kind.strip(), temperature_c=to_celsius(temperature)))
    return sorted(zones, key=lambda zone: zone.number or 0)


def _soc(properties: Mapping[str, str]) -> str | None:
    maker, model = properties.get("ro.soc.manufacturer", ""), properties.get("ro.soc.model", "")
    return f"{maker} {model}".strip() or properties.get("ro.board.platform") or properties.get("ro.hardware") or None


def _abis(properties: Mapping[str, str]) -> str:
    return properties.get("ro.product.cpu.abilist") or properties.get("ro.product.cpu.abi") or ""


def _ram_mb(meminfo: str) -> int | None:
    match = re.search(r"^MemTotal:\s*(\d{1,15}) kB", meminfo, re.MULTILINE)
    return int(match.group(1)) // 1024 if match else None


def _battery(text: str) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _cpu_map(text: str) -> dict[int, int] | None:
    pairs = re.findall(r"(\d{1,4}):(\d{1,4})", text)
    return {int(device): int(host) for device, host in pairs} or None
