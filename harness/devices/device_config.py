"""Device configs: what the harness knows in advance about a phone model (clusters, core sets, thermal zones, quirks).

A config is a YAML file. The bundled ones are in `device_configs/`; a user's own folder can add configs, or replace one of the same name.
A config with a `virtual:` part can also be started as a virtual device. That part is fictional: its temperatures, clocks and battery feed a
model, not a measurement.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from harness.devices.cpu_list import format_list, parse_list
from harness.errors import SuiteError
from harness.files.shipped_data import data_dir
from harness.files.strict_yaml import load_yaml_model
from harness.files.written_form import Written

MAX_CPUS = 64


def _cpu_list(value: object) -> object:
    if isinstance(value, str):
        return parse_list(value)
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else value


CpuList = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=MAX_CPUS)], ...],
    BeforeValidator(_cpu_list),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9,\- ]+$"},
                {"type": "integer", "minimum": 0, "exclusiveMaximum": MAX_CPUS},
                {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            ]
        }
    ),
]


def _words(value: object) -> object:
    if isinstance(value, str | list | tuple):
        return (value,) if isinstance(value, str) else value
    raise ValueError(f"{value!r} is neither a word nor a list of words (a number goes in quotes)")


Words = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_words),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }
    ),
]
"""One word or glob, or a list of them."""

Quirk = Literal[
    "big_cores_first",
    "fixed_performance_unsupported",
    "modem_cooling_nonzero",
    "no_cpu_capacity",
    "no_thermalservice",
    "same_max_frequency",
    "thermal_zones_unreadable",
]
"""Peculiarities of a phone; `docs/device_configs.md` explains each."""

Fact = Literal["match", "soc", "clusters", "capacity", "cpu_sets", "thermal", "thresholds", "quirks", "notes"]
"""The parts of a config that can name a source."""

ThermalRole = Literal["cpu", "gpu", "skin", "battery"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MatchRules(_Strict):
    """The phones that a config is for. All given rules must fit; a rule is a word, a glob, or a list of which one must fit. Case counts."""

    model: Words | None = Field(default=None, description="ro.product.model")
    device: Words | None = Field(default=None, description="ro.product.device")
    manufacturer: Words | None = Field(default=None, description="ro.product.manufacturer")
    soc: Words | None = Field(default=None, description="ro.soc.model, ro.board.platform or ro.hardware: any of them")

    @model_validator(mode="after")
    def _not_empty(self) -> MatchRules:
        if not any((self.model, self.device, self.manufacturer, self.soc)):
            raise ValueError("give at least one of model, device, manufacturer, soc")
        return self


_PROPERTIES_OF_RULE = {
    "model": ("ro.product.model",),
    "device": ("ro.product.device",),
    "manufacturer": ("ro.product.manufacturer",),
    "soc": ("ro.soc.model", "ro.board.platform", "ro.hardware"),
}


class Cluster(_Strict):
    """Cores that share a clock domain (a cpufreq policy)."""

    name: Annotated[str, Written(r"[a-z][a-z0-9_-]*", "lower-case letters, digits, `_` and `-`, a letter first")]
    cpus: CpuList
    capacity: int | None = Field(
        default=None, ge=1, le=1024, description="what cpu_capacity says, 1024 for the fastest core"
    )
    max_frequency_khz: int = Field(gt=0)


class ConfiguredZone(_Strict):
    """A relevant thermal zone. `name` is the type of the sysfs zone or the mName of thermalservice; it may be a glob."""

    name: str
    role: ThermalRole


class Thermal(_Strict):
    """The relevant thermal zones, and the temperatures between which a run counts."""

    zones: tuple[ConfiguredZone, ...] = ()
    start_below_c: float | None = Field(
        default=None, description="the zone for the CPU must be cooler than this before a run"
    )
    too_hot_c: float | None = Field(default=None, description="a run that ends above this is marked")


class ClusterModel(_Strict):
    """Clocks and heat of one cluster of a virtual device."""

    frequencies_khz: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=1)
    power_w: float = Field(gt=0, description="dissipated with every core busy at the highest clock")
    c_per_w: float = Field(gt=0, description="how far the cluster warms above the skin, per watt, in the end")
    time_constant_s: float = Field(gt=0, description="time to 63 % of a step")

    @model_validator(mode="after")
    def _ascending(self) -> ClusterModel:
        if list(self.frequencies_khz) != sorted(set(self.frequencies_khz)):
            raise ValueError("frequencies_khz must ascend")
        return self


class Trip(_Strict):
    """Clocks are capped to `max_fraction` of their maximum while the hottest cluster is above `above_c`."""

    above_c: float
    max_fraction: float = Field(gt=0, le=1)


class ThermalModel(_Strict):
    """First-order heat model of a virtual device; see `harness.virtual.android.physics`."""

    ambient_c: float = 24.0
    skin_c_per_w: float = Field(gt=0)
    skin_time_constant_s: float = Field(gt=0)
    trips: tuple[Trip, ...] = ()
    status_skin_c: tuple[float, ...] = Field(
        default=(39.0, 43.0, 46.0, 50.0, 54.0, 58.0),
        min_length=6,
        max_length=6,
        description="skin temperatures at which LIGHT, MODERATE, SEVERE, CRITICAL, EMERGENCY, SHUTDOWN begin",
    )
    cpu_model: Literal["per_cluster", "single"] = Field(
        default="per_cluster", description="one zone per cluster, or a single one for the whole SoC"
    )


class Battery(_Strict):
    """Battery of a virtual device."""

    capacity_mah: int = Field(gt=0)
    level: int = Field(default=90, ge=0, le=100)
    plugged: Literal["none", "ac", "usb"] = "usb"
    technology: str = "Li-ion"


ReplayedDelegate = Literal["cpu", "xnnpack", "gpu", "nnapi", "hexagon", "coreml", "external", "npu"]
"""Delegates whose runs a virtual device can replay: those that a suite can name."""


class VirtualDevice(_Strict):
    """How to simulate this phone on a host. All of it is fictional."""

    order: int = Field(description="place in the order in which `virtual:N` takes the profiles")
    android: str
    api_level: int = Field(ge=21, le=99)
    manufacturer: str
    model: str
    device: Annotated[str, Written(r"[A-Za-z0-9_.-]+", "one word of letters, digits, `_`, `.` and `-`")]
    soc_manufacturer: str
    ram_mb: int = Field(ge=256)
    screen: Annotated[str, Written(r"\d+x\d+", "width x height in pixels, such as 1080x2400")] = "1080x2400"
    density: int = 420
    properties: Mapping[str, str] = Field(default_factory=dict, description="more properties, or other values of them")
    root: bool = Field(default=False, description="`su` works, and root may change governors and clocks")
    auth: bool = Field(default=False, description="a host must prove its ADB key")
    thermalservice: bool = True
    cpu_capacity: bool = True
    cpuset: CpuList | None = Field(
        default=None, description="cores that Android's cpuset leaves the shell and what it starts; default: all"
    )
    fixed_performance: bool = Field(
        default=True, description="cmd power set-fixed-performance-mode-enabled has an effect"
    )
    absent_commands: tuple[str, ...] = Field(default=(), description="commands of newer Androids that this one lacks")
    replay: Mapping[ReplayedDelegate, str] = Field(
        default_factory=dict,
        description="recorded outputs that are played back for these delegates, marked synthetic: a recording's name or an absolute path. "
        "float16: this host's CPU computes in half precision in the delegate's stead",
    )
    waits_s: float | None = Field(
        default=None,
        gt=0,
        le=3600,
        description="each benchmark process waits so long, then prints a recorded output, marked synthetic; it computes nothing",
    )
    governors: tuple[str, ...] = ("performance", "powersave", "schedutil")
    governor: str = "schedutil"
    clusters: Mapping[str, ClusterModel]
    thermal: ThermalModel
    battery: Battery


class DeviceConfig(_Strict):
    """One phone model. `virtual` is present if the phone can be simulated on a host."""

    name: Annotated[str, Written(r"[a-z0-9][a-z0-9_.-]*", "lower-case letters, digits, `_`, `.` and `-`")]
    match: MatchRules
    soc: str
    clusters: tuple[Cluster, ...] = Field(min_length=1)
    cpu_sets: Mapping[str, CpuList] = Field(
        default_factory=dict, description="named core lists, besides big/little/all"
    )
    thermal: Thermal = Thermal()
    quirks: tuple[Quirk, ...] = ()
    notes: str = ""
    source: str | Mapping[Fact, str] = Field(
        description="where the facts come from: one source for all, or one for each part; `fictional` for a virtual profile"
    )
    virtual: VirtualDevice | None = None

    @property
    def cpus(self) -> tuple[int, ...]:
        """All cores, sorted."""
        return tuple(sorted(cpu for cluster in self.clusters for cpu in cluster.cpus))

    @model_validator(mode="after")
    def _consistent(self) -> DeviceConfig:
        cpus, names = self.cpus, [cluster.name for cluster in self.clusters]
        if len(set(names)) != len(names):
            raise ValueError("two clusters have the same name")
        if cpus != tuple(range(len(cpus))):
            raise ValueError(f"the clusters must hold each core once, from 0 without a gap (they hold {list(cpus)})")
        for name, cores in self.cpu_sets.items():
            if missing := set(cores) - set(cpus):
                raise ValueError(f"cpu_sets.{name} names cores that no cluster has: {format_list(missing)}")
        if self.virtual is None:
            return self
        if set(self.virtual.clusters) != set(names):
            raise ValueError(f"virtual.clusters must describe exactly the clusters {', '.join(names)}")
        if self.virtual.governor not in self.virtual.governors:
            raise ValueError(f"virtual.governor {self.virtual.governor!r} is not one of virtual.governors")
        if missing := set(self.virtual.cpuset or ()) - set(cpus):
            raise ValueError(f"virtual.cpuset names cores that no cluster has: {format_list(missing)}")
        for cluster in self.clusters:
            if self.virtual.clusters[cluster.name].frequencies_khz[-1] != cluster.max_frequency_khz:
                raise ValueError(f"the highest clock of virtual.clusters.{cluster.name} is not its max_frequency_khz")
            if self.virtual.cpu_capacity and cluster.capacity is None:
                raise ValueError(f"virtual.cpu_capacity needs a capacity in cluster {cluster.name}")
        return self


CONFIGS_VARIABLE = "HARNESS_DEVICE_CONFIGS"
"""Environment variable: a folder with the user's own device configs."""


def load_device_configs(extra_dir: Path | None = None) -> dict[str, DeviceConfig]:
    """Load the bundled configs and those of `extra_dir`, which win if names are equal. The keys are the names, in order.

    Args:
        extra_dir: by default the folder in the environment variable `HARNESS_DEVICE_CONFIGS`, if any.

    Raises:
        SuiteError: a file contains a mistake, or two configs of one folder have the same name.
    """
    configs = dict(_bundled_configs())
    if extra_dir is None and (named := os.environ.get(CONFIGS_VARIABLE)):
        extra_dir = Path(named)
    if extra_dir is not None:
        if not extra_dir.is_dir():
            raise SuiteError("no such folder of device configs", file=extra_dir)
        configs.update(_read_folder(extra_dir))
    return dict(sorted(configs.items()))


@cache
def _bundled_configs() -> Mapping[str, DeviceConfig]:
    return _read_folder(data_dir("device_configs"))


def _read_folder(folder: Path) -> Mapping[str, DeviceConfig]:
    configs: dict[str, DeviceConfig] = {}
    origin: dict[str, Path] = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        config = load_yaml_model(path, DeviceConfig)
        if config.name in origin:
            other = origin[config.name].name
            raise SuiteError(f"{config.name!r} is already the name of {other}", file=path, key="name")
        origin[config.name] = path
        configs[config.name] = config
    return configs


def virtual_profiles(configs: Mapping[str, DeviceConfig]) -> list[DeviceConfig]:
    """Return the configs that can be started as virtual devices, in the order in which `virtual:N` uses them."""
    playable = [(config.virtual.order, config.name, config) for config in configs.values() if config.virtual]
    return [config for *_, config in sorted(playable, key=lambda item: item[:2])]


def match_config(configs: Mapping[str, DeviceConfig], properties: Mapping[str, str]) -> DeviceConfig | None:
    """Find the config that fits these properties best: by most rules, then most exact rules, then the first name."""
    best: tuple[int, int] = (0, 0)
    found: DeviceConfig | None = None
    for _, config in sorted(configs.items()):
        score = _score(config.match, properties)
        if score is not None and score > best:
            best, found = score, config
    return found


def _score(rules: MatchRules, properties: Mapping[str, str]) -> tuple[int, int] | None:
    count = exact = 0
    for rule, keys in _PROPERTIES_OF_RULE.items():
        patterns: tuple[str, ...] | None = getattr(rules, rule)
        if patterns is None:
            continue
        values = [properties[key] for key in keys if key in properties]
        is_exact = any(value in patterns for value in values)
        if not is_exact and not any(fnmatchcase(value, pattern) for value in values for pattern in patterns):
            return None
        count += 1
        exact += is_exact
    return count, exact


def device_config_schema() -> dict[str, Any]:
    """JSON Schema of a device config, for editors."""
    return DeviceConfig.model_json_schema()
