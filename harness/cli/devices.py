"""`harness devices`: lists the attached devices, what they are, and the remedy for those that cannot be used."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from harness.api.attached_devices import NO_DEVICE_REMEDY, AttachedDevice, default_port, list_devices, remedy_for
from harness.cli.device_watch import device_changes
from harness.cli.output_option import OutputFile
from harness.cli.run_summary import write_json
from harness.conditions.device_settings import probe_support
from harness.devices.adb_target import AdbTarget, server_is_up
from harness.devices.config_draft import config_text
from harness.devices.cpu_list import format_list
from harness.devices.device_config import DeviceConfig, load_device_configs
from harness.devices.inventory import Inventory, take_inventory
from harness.devices.topology import named_sets
from harness.errors import DeviceError, SetupError, UsageError
from harness.virtual.farm import running_farms

_EPILOG = """\b
Examples:
  harness devices
  harness devices --json
  harness devices --watch
  harness devices --init R5CT30ABCDE -o my-phone.yaml
"""


_AT_ONCE = 32
_NO_ANSWER_REMEDY = "it is listed and does not answer: reboot it, or unplug it and plug it in again"


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    """A device with its inventory, or with the reason why there is none."""

    listed: AttachedDevice
    inventory: Inventory | None = None
    support: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    error: str | None = None
    remedy: str | None = None


@click.command(epilog=_EPILOG)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON document on stdout; with --watch one line after each change.",
)
@click.option(
    "--watch", is_flag=True, help="List again whenever a device comes, goes or changes its state. Stop with Ctrl-C."
)
@click.option("--init", "init", metavar="SERIAL", help="Write a device config from what this device says about itself.")
@click.option(
    "--out",
    "-o",
    type=OutputFile(),
    metavar="FILE",
    help="The file that --init writes. Default: standard output.",
)
def devices(as_json: bool, watch: bool, init: str | None, out: Path | None) -> None:
    """List the attached phones and the virtual devices that are up."""
    configs = load_device_configs()
    if init is not None:
        if watch or as_json:
            raise UsageError("--init goes with neither --watch nor --json")
        _init(init, out, configs)
    elif out is not None:
        raise UsageError("--out goes with --init")
    elif watch:
        _watch(as_json, configs)
    else:
        _list_once(as_json, configs)


def _list_once(as_json: bool, configs: Mapping[str, DeviceConfig]) -> None:
    listed = list_devices()
    if not listed and not as_json:
        raise SetupError("no device", remedy=NO_DEVICE_REMEDY.replace("--device virtual:2", "harness virtual start"))
    with Console(stderr=True).status("asking devices what they are"):
        rows = _ask_all(listed, configs)
    if as_json:
        write_json(_documents(rows))
        return
    _print(rows)


def _watch(as_json: bool, configs: Mapping[str, DeviceConfig]) -> None:
    known: dict[AttachedDevice, _Row] = {}
    for _ in device_changes(_servers):
        listed = _listed_now()
        # Only new devices are asked: a phone in the middle of a measurement is left alone.
        new = [one for one in listed if one not in known or known[one].inventory is None]
        asked = dict(zip(new, _ask_all(new, configs), strict=True))
        known = {one: asked.get(one) or known[one] for one in listed}
        if as_json:
            click.echo(json.dumps(_documents(list(known.values())), ensure_ascii=False))
            continue
        click.echo(click.style(f"{datetime.now().astimezone():%H:%M:%S}  {len(listed)} devices", bold=True))
        _print(list(known.values()))


def _listed_now() -> list[AttachedDevice]:
    """List the devices. If a server goes away meanwhile, its devices are left out and the other servers are asked again."""
    for _ in range(3):
        if not _servers():
            break
        try:
            return list_devices()
        except SetupError:
            time.sleep(0.3)
    return []


def _servers() -> list[int]:
    """Return the ports of the ADB servers that are up."""
    ports = dict.fromkeys([default_port(), *(farm.adb_port for farm in running_farms())])
    return [port for port in ports if server_is_up(port)]


def _init(serial: str, out: Path | None, configs: Mapping[str, DeviceConfig]) -> None:
    listed = [one for one in list_devices() if one.serial == serial]
    if not listed:
        raise SetupError(f"no device {serial!r} is attached", remedy="harness devices lists those that are")
    row = _ask(listed[0], configs)
    if row.inventory is None:
        raise SetupError(row.error or f"{serial} is {listed[0].state}", remedy=row.remedy)
    text = config_text(row.inventory, row.support, today=datetime.now(UTC).date())
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        with out.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{out} exists", remedy="choose another name, or move it away") from None
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}") from None
    click.echo(f"wrote {out}", err=True)


def _ask_all(listed: Sequence[AttachedDevice], configs: Mapping[str, DeviceConfig]) -> list[_Row]:
    """Ask all devices in parallel, so that one that hangs does not delay the others."""
    if not listed:
        return []
    with ThreadPoolExecutor(min(len(listed), _AT_ONCE)) as pool:
        return list(pool.map(lambda one: _ask(one, configs), listed))


def _ask(one: AttachedDevice, configs: Mapping[str, DeviceConfig]) -> _Row:
    if one.state != "device":
        return _Row(one, error=f"it is {one.state}", remedy=remedy_for(one.state))
    target = AdbTarget(one.serial, transport_id=one.transport_id, port=one.port)
    try:
        inventory = take_inventory(target, configs)
        return _Row(one, inventory, probe_support(target, inventory))
    except DeviceError as error:
        return _Row(one, error=error.message.removeprefix(f"{one.serial}: "), remedy=error.remedy or _NO_ANSWER_REMEDY)


def _documents(rows: Sequence[_Row]) -> dict[str, Any]:
    return {"devices": [_document(row) for row in rows]}


def _print(rows: Sequence[_Row]) -> None:
    """Print a block per device, because the facts about a phone do not fit into one line."""
    for row in rows:
        one, inventory = row.listed, row.inventory
        if inventory is None:
            click.echo(f"{one.serial}  {click.style(one.state, fg='red')}")
            said = [row.error if one.state == "device" else None, row.remedy]
            for line in filter(None, said):
                click.echo(f"    {_plain(line)}")
            continue
        info = inventory.info
        state = "virtual" if info.virtual else one.state
        name = (
            " ".join(part for part in (info.manufacturer, info.model) if part) or "a device that does not say its model"
        )
        click.echo(f"{click.style(one.serial, bold=True)}  {click.style(state, fg='green')}  {_plain(name)}")
        for line in (*_lines(inventory), *_support_lines(row.support)):
            click.echo(f"    {_plain(line)}")


def _lines(inventory: Inventory) -> list[str]:
    info = inventory.info
    clusters = " + ".join(
        f"{len(cluster.cpus)} x {cluster.max_frequency_khz / 1e6:.2f} GHz"
        if cluster.max_frequency_khz
        else str(len(cluster.cpus))
        for cluster in info.cpu_clusters
    )
    sets = ", ".join(f"{name} {mask:x}" for name, mask in named_sets(inventory.topology).items())
    what = [info.soc, f"Android {info.android or '?'} (API {info.api_level or '?'})", ", ".join(info.abis)]
    what.append(f"GPU {inventory.gpu}" if inventory.gpu else None)
    what.append(f"{info.ram_mb / 1024:.1f} GB RAM" if info.ram_mb else None)
    now = [f"battery {inventory.battery_percent} %" if inventory.battery_percent is not None else None]
    now.append(f"thermal status {inventory.thermal_status}" if inventory.thermal_status is not None else None)
    zone = inventory.zone
    now.append(f"{zone.temperature_c:.0f} °C ({zone.type})" if zone and zone.temperature_c is not None else None)
    now.append("root" if inventory.root else "no root")
    now.append(f"config {info.config}" if info.config else "no config (none is needed)")
    joined = [", ".join(part for part in parts if part) for parts in (what, now)]
    build = [f"build {info.fingerprint}"] if info.fingerprint else []
    offline = [core for cluster in info.cpu_clusters for core in cluster.cpus if core not in inventory.topology.online]
    off = f"; offline: {format_list(offline)}" if offline else ""
    return [joined[0], *build, f"cores: {clusters}; masks: {sets}{off}", joined[1]]


def _support_lines(support: Mapping[str, str | None]) -> list[str]:
    has = [name for name, why in support.items() if why is None]
    lacks = [f"{name} ({why})" for name, why in support.items() if why is not None]
    return [f"conditions: {', '.join(has)}", *([f"lacks: {', '.join(lacks)}"] if lacks else [])] if support else []


def _plain(text: str) -> str:
    """Remove control characters from a device's text."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _document(row: _Row) -> dict[str, Any]:
    one, inventory = row.listed, row.inventory
    document: dict[str, Any] = {"serial": one.serial, "state": one.state, "adb_port": one.port}
    document |= {"error": row.error, "remedy": row.remedy}
    if inventory is None:
        return document
    info = dataclasses.asdict(inventory.info)
    info.pop("serial")
    sets = {name: f"{mask:x}" for name, mask in named_sets(inventory.topology).items()}
    return {
        **document,
        **info,
        "gpu": inventory.gpu,
        "cpu_online": format_list(inventory.topology.online),
        "cpu_sets": sets,
        "cpuset": {"name": inventory.cpuset, "cores": format_list(inventory.cpuset_cores) or None},
        "battery_percent": inventory.battery_percent,
        "thermal_status": inventory.thermal_status,
        "temperature_c": inventory.zone.temperature_c if inventory.zone else None,
        "root": inventory.root,
        "conditions": {name: {"supported": why is None, "reason": why} for name, why in row.support.items()},
    }
