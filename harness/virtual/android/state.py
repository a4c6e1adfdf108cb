"""A virtual device's state: properties, settings, battery, screen, heat. All its commands answer from this one object."""

from __future__ import annotations

import platform
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.devices.device_config import DeviceConfig, VirtualDevice
from harness.errors import UsageError
from harness.virtual.android.dropbox import DropBoxEntry
from harness.virtual.android.logcat import LogBuffer
from harness.virtual.android.physics import Physics

ABI_OF_MACHINE = {
    "x86_64": "x86_64",
    "aarch64": "arm64-v8a",
    "armv7l": "armeabi-v7a",
    "riscv64": "riscv64",
    "i686": "x86",
}


@dataclass(slots=True)
class BatteryOverride:
    """Values that `dumpsys battery set|unplug` pretends until `reset`. None: the model's own value."""

    level: int | None = None
    temperature: int | None = None
    status: int | None = None
    ac: bool | None = None
    usb: bool | None = None
    wireless: bool | None = None

    @property
    def active(self) -> bool:
        """Whether anything is pretended."""
        return any(
            value is not None for value in (self.level, self.temperature, self.status, self.ac, self.usb, self.wireless)
        )


@dataclass(slots=True)
class DeviceState:
    """The state of one device since its last boot. Properties named `persist.*` and settings survive a reboot."""

    config: DeviceConfig
    virtual: VirtualDevice
    physics: Physics
    properties: dict[str, str]
    cpu_map: Mapping[int, int]
    boot_id: str
    clock_scale: float
    settings: dict[str, dict[str, str]] = field(
        default_factory=lambda: {"global": {"airplane_mode_on": "0"}, "secure": {}, "system": {}}
    )
    battery: BatteryOverride = field(default_factory=BatteryOverride)
    awake: bool = True
    airplane_mode: bool = False
    thermal_status_override: int | None = None
    log: LogBuffer = field(default_factory=LogBuffer)
    dropbox: list[DropBoxEntry] = field(default_factory=list)
    """Reports, oldest first; they survive a reboot."""
    masks: dict[int, int] = field(default_factory=dict)
    """PID on the device to the mask given to `taskset`."""

    @property
    def stay_on(self) -> int:
        """Bits of the plugs with which the screen stays on, from the setting, whoever wrote it."""
        text = self.settings["global"].get("stay_on_while_plugged_in", "0")
        return int(text) if text.isdigit() else 0

    @property
    def thermal_status(self) -> int:
        """The status that `dumpsys thermalservice` reports."""
        return self.physics.status if self.thermal_status_override is None else self.thermal_status_override


def virtual_part(config: DeviceConfig) -> VirtualDevice:
    """Return the `virtual:` part of a config.

    Raises:
        UsageError: it has none, so the phone cannot be simulated.
    """
    if config.virtual is None:
        raise UsageError(
            f"{config.name} has no `virtual:` part, so it cannot be started as a virtual device",
            remedy="take one of the profiles named virtual-*",
        )
    return config.virtual


def boot_state(
    config: DeviceConfig,
    *,
    serial: str,
    clock_scale: float,
    seed: int,
    boot_count: int,
    host_cpus: tuple[int, ...],
    before: DeviceState | None = None,
) -> DeviceState:
    """Make the state at boot. `before` is the state before a reboot, whose heat, charge, settings and `persist.*` carry over."""
    virtual = virtual_part(config)
    cpu_map = {core: host_cpus[core % len(host_cpus)] for core in config.cpus}
    boot_id = str(uuid.UUID(int=random.Random(f"{seed}/{serial}/{boot_count}/boot").getrandbits(128), version=4))  # noqa: S311  # not a secret
    properties = _properties(config, virtual, serial=serial, boot_id=boot_id, cpu_map=cpu_map)
    models = {cluster.name: virtual.clusters[cluster.name] for cluster in config.clusters}
    physics = Physics(models, virtual.thermal, virtual.battery, governor=virtual.governor)
    state = DeviceState(config, virtual, physics, properties, cpu_map, boot_id, clock_scale)
    if before is not None:
        properties |= {key: value for key, value in before.properties.items() if key.startswith("persist.")}
        state.settings, state.airplane_mode = before.settings, before.airplane_mode
        state.dropbox = before.dropbox
        physics.skin_c, physics.battery_c = before.physics.skin_c, before.physics.battery_c
        physics.battery_mah = before.physics.battery_mah
        for name, cluster in physics.clusters.items():
            cluster.temperature_c = before.physics.clusters[name].temperature_c
    state.log.write("boot", f"boot {boot_count} of the virtual device {config.name}")
    return state


def _properties(
    config: DeviceConfig, virtual: VirtualDevice, *, serial: str, boot_id: str, cpu_map: Mapping[int, int]
) -> dict[str, str]:
    abi = ABI_OF_MACHINE.get(platform.machine(), platform.machine())
    brand = virtual.manufacturer.lower()
    build = f"{virtual.device.upper()}.{virtual.api_level}.1"
    kind = "userdebug" if virtual.root else "user"
    keys = "test-keys" if virtual.root else "release-keys"
    fingerprint = f"{brand}/{virtual.device}/{virtual.device}:{virtual.android}/{build}/1:{kind}/{keys}"
    properties = {
        "ro.boot.serialno": serial,
        "ro.board.platform": virtual.device,
        "ro.boot.bootreason": "reboot",
        "ro.build.characteristics": "default",
        "ro.build.display.id": f"{build} {keys}",
        "ro.build.fingerprint": fingerprint,
        "ro.build.id": build,
        "ro.build.tags": keys,
        "ro.build.type": kind,
        "ro.build.version.incremental": "1",
        "ro.build.version.release": virtual.android,
        "ro.build.version.sdk": str(virtual.api_level),
        "ro.debuggable": "1" if virtual.root else "0",
        "ro.hardware": virtual.device,
        "ro.product.board": virtual.device,
        "ro.product.brand": brand,
        "ro.product.cpu.abi": abi,
        "ro.product.cpu.abilist": abi,
        "ro.product.cpu.abilist64": abi if "64" in abi else "",
        "ro.product.device": virtual.device,
        "ro.product.manufacturer": virtual.manufacturer,
        "ro.product.model": virtual.model,
        "ro.product.name": virtual.device,
        "ro.secure": "1",
        "ro.serialno": serial,
        "sys.boot_completed": "1",
        "dev.bootcomplete": "1",
        "init.svc.adbd": "running",
        "ro.harness.boot_id": boot_id,
        "ro.harness.cpu_map": ",".join(f"{core}:{host}" for core, host in cpu_map.items()),
        "ro.harness.profile": config.name,
        "ro.harness.virtual": "1",
    }
    if virtual.api_level >= 31:
        properties |= {"ro.soc.manufacturer": virtual.soc_manufacturer, "ro.soc.model": config.soc}
    if virtual.waits_s is not None:
        properties["ro.harness.waits_s"] = f"{virtual.waits_s:g}"
    return properties | dict(virtual.properties)
