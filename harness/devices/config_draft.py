"""Drafts a device config for a phone without one, from what the phone says of itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import yaml

from harness.devices.cpu_list import format_list, from_mask
from harness.devices.device_config import DeviceConfig
from harness.devices.inventory import Inventory
from harness.devices.thermal_zones import ThermalZone, kind_of, temperatures
from harness.devices.topology import named_sets
from harness.errors import UsageError

_ROLES = {"gpu": (1, r"gpu|g3d|kgsl"), "battery": (2, r"^batt?(ery)?$|^bms$"), "skin": (3, r"skin|quiet|case|shell")}
"""Roles to the thermal HAL's `mType`, and to names of sensors of which the HAL says nothing."""
_ODD = re.compile(r"[^a-z0-9]+")


def config_text(inventory: Inventory, support: Mapping[str, str | None], *, today: date) -> str:
    """Write the YAML text of a config.

    Args:
        inventory: the phone.
        support: conditions to the reason why the phone lacks them, from `probe_support`.
        today: the date for the source note.

    Raises:
        UsageError: the phone does not tell enough about itself, such as its clocks.
    """
    document = _document(inventory, support, today)
    DeviceConfig.model_validate(document)
    head = f"# {_words(inventory)}, as it described itself. Check what you know better; see docs/device_configs.md.\n"
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _document(inventory: Inventory, support: Mapping[str, str | None], today: date) -> dict[str, Any]:
    info, topology = inventory.info, inventory.topology
    clusters: list[dict[str, Any]] = []
    for cluster in topology.clusters:
        if cluster.max_frequency_khz is None:
            raise UsageError(f"{info.serial} does not tell the highest clock of cores {format_list(cluster.cpus)}")
        one: dict[str, Any] = {
            "name": cluster.name,
            "cpus": format_list(cluster.cpus),
        }
        if cluster.capacity is not None:
            one["capacity"] = cluster.capacity
        clusters.append(one | {"max_frequency_khz": cluster.max_frequency_khz})
    match = {
        key: value
        for key, value in (
            ("manufacturer", info.manufacturer),
            ("model", info.model),
            ("device", inventory.properties.get("ro.product.device")),
        )
        if value
    }
    if not match:
        raise UsageError(f"{info.serial} does not tell its model, so no config could be matched with it")
    found: dict[str, Any] = {
        "name": _slug(_words(inventory)),
        # A word with glob characters would match other phones too.
        "match": {key: re.sub(r"[\[*?]", "?", value) for key, value in match.items()},
        "soc": info.soc or "unknown",
        "clusters": clusters,
        "cpu_sets": {
            name: format_list(from_mask(mask)) for name, mask in named_sets(topology).items() if name != "all" and mask
        },
    }
    zones = _zones(inventory.zone, inventory.zones)
    if zones:
        found["thermal"] = {"zones": zones}
    quirks = _quirks(inventory, support)
    if quirks:
        found["quirks"] = quirks
    said = f"the device itself, read by `harness devices --init` on {today.isoformat()}"
    return found | {"source": f"{said}; build {info.fingerprint}" if info.fingerprint else said}


def _words(inventory: Inventory) -> str:
    words = " ".join(word for word in (inventory.info.manufacturer, inventory.info.model) if word)
    return "".join(c if c.isprintable() else "?" for c in words) or "a phone"


def _slug(text: str) -> str:
    return _ODD.sub("-", text.lower()).strip("-")[:60] or "phone"


def _zones(chosen: ThermalZone | None, zones: tuple[ThermalZone, ...]) -> list[dict[str, str]]:
    found = {chosen.type: "cpu"} if chosen and chosen.type else {}
    readable = [(zone.type, kind_of(zone, zones)) for zone in temperatures(zones)]
    for role, (kind, pattern) in _ROLES.items():
        said = [name for name, its in readable if its == kind]
        named = [name for name, its in readable if its is None and re.search(pattern, name, re.IGNORECASE)]
        for name in (said + named)[:1]:
            found.setdefault(name, role)
    return [{"name": name, "role": role} for name, role in found.items()]


def _quirks(inventory: Inventory, support: Mapping[str, str | None]) -> list[str]:
    readable = any(zone.temperature_c is not None for zone in inventory.zones)
    odd = {
        "fixed_performance_unsupported": support.get("fixed_performance") is not None,
        "no_cpu_capacity": all(cluster.capacity is None for cluster in inventory.topology.clusters),
        "no_thermalservice": inventory.thermal_status is None,
        "thermal_zones_unreadable": not readable,
    }
    return [name for name, true in odd.items() if true]
