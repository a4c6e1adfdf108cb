"""`harness virtual start | list | stop`: manages virtual devices that stay up for interactive use."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from harness.cli.seconds_option import Seconds
from harness.devices.device_config import DeviceConfig
from harness.errors import UsageError
from harness.virtual.adb_server import find_adb
from harness.virtual.farm import (
    FarmRecord,
    default_profiles,
    resolve_profiles,
    running_farms,
    start_persistent,
    stop_persistent,
)
from harness.virtual.faults import load_fault_plan
from harness.virtual.registry import farms_elsewhere
from harness.virtual.replay.waiting import that_waits

_EPILOG = """\b
Examples:
  harness virtual start                                    one device, the first profile
  harness virtual start --count 3                          three, of different profiles
  harness virtual start --profile virtual-old --count 2    two of this one
  harness virtual start --count 3 --faults faults.yaml     three that fail now and then
  harness virtual start --count 64 --waits 1               64 that only wait: what does the harness itself cost?
  harness virtual list
  harness virtual stop --all
"""


@click.group(epilog=_EPILOG)
def virtual() -> None:
    """Start, list and stop virtual Android devices.

    They run on this machine, behind an ADB server of their own: use the `adb -P PORT` that `start` prints. Their inference
    is real; their temperatures and clocks come from a model.
    """


@virtual.command(epilog=_EPILOG)
@click.option(
    "--count", type=int, metavar="N", help="How many devices; if you name profiles, how many of each.  [default: 1]"
)
@click.option(
    "--profile",
    "names",
    multiple=True,
    metavar="NAME",
    help="A device config with a `virtual` part. May be given several times.",
)
@click.option("--refuse-keys", is_flag=True, help="Let the devices ask for an ADB key and stay `unauthorized`.")
@click.option(
    "--faults",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A YAML file that says what goes wrong, and when (docs/faults.md).",
)
@click.option(
    "--waits",
    type=Seconds(0, 3600, min_open=True),
    metavar="SECONDS",
    help="Let each benchmark process only wait so long and print a recorded output, marked synthetic.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def start(
    count: int | None,
    names: Sequence[str],
    refuse_keys: bool,
    faults: Path | None,
    waits: float | None,
    as_json: bool,
) -> None:
    """Start devices, leave them running, and print how to reach them."""
    profiles = _choose(count, names)
    if waits is not None:
        profiles = tuple(that_waits(profile, waits) for profile in profiles)
    plan = load_fault_plan(faults, len(profiles)) if faults is not None else None
    click.echo(f"starting {_devices(len(profiles))} ...", err=True)
    farm = start_persistent(profiles, accept_keys=not refuse_keys, faults=plan)
    if as_json:
        click.echo(json.dumps(_describe(farm)))
        return
    _show(farm)
    click.echo(f"stop with: harness virtual stop {farm.adb_port}", err=True)


@virtual.command("list", epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def list_farms(as_json: bool) -> None:
    """List the devices that `start` left running."""
    farms = running_farms()
    for farm in farms_elsewhere():
        click.echo(
            f"not to be reached from here: {_devices(len(farm.serials))} on port {farm.adb_port} ({farm.place})",
            err=True,
        )
    if as_json:
        click.echo(json.dumps([_describe(farm) for farm in farms]))
        return
    for farm in farms:
        _show(farm)
    if not farms:
        click.echo("no virtual devices are running; start some with: harness virtual start", err=True)


@virtual.command(epilog=_EPILOG)
@click.argument("port", type=int, required=False)
@click.option("--all", "every", is_flag=True, help="Stop all of them.")
@click.option("--json", "as_json", is_flag=True, help="Print what was stopped as one JSON document on stdout.")
def stop(port: int | None, every: bool, as_json: bool) -> None:
    """Stop the devices behind PORT, or all. Without either: stop the only farm that runs."""
    farms = _to_stop(port, every)
    for farm in farms:
        stop_persistent(farm)
        click.echo(f"stopped {_devices(len(farm.serials))} on port {farm.adb_port}", err=True)
    if as_json:
        click.echo(json.dumps([_describe(farm) for farm in farms]))
    elif not farms:
        click.echo("no virtual devices are running", err=True)


def _choose(count: int | None, names: Sequence[str]) -> tuple[DeviceConfig, ...]:
    if not names:
        return default_profiles(1 if count is None else count)
    if count is not None and count < 1:
        raise UsageError(f"--count {count}", remedy="ask for 1 or more")
    return resolve_profiles([name for name in names for _ in range(count or 1)])


def _to_stop(port: int | None, every: bool) -> list[FarmRecord]:
    farms = running_farms()
    if every and port is not None:
        raise UsageError("give a PORT or --all, not both")
    if port is not None:
        chosen = [farm for farm in farms if farm.adb_port == port]
        if not chosen:
            there = ", ".join(str(farm.adb_port) for farm in farms) or "none"
            raise UsageError(f"no virtual devices run behind port {port}", remedy=f"ports there are: {there}")
        return chosen
    if not every and len(farms) > 1:
        ports = ", ".join(str(farm.adb_port) for farm in farms)
        raise UsageError("which ones?", remedy=f"give --all or one of these ports: {ports}")
    return farms


def _adb_command(farm: FarmRecord) -> str:
    return shlex.join([str(find_adb()), "-P", str(farm.adb_port)])


def _show(farm: FarmRecord) -> None:
    for serial, profile in zip(farm.serials, farm.profiles, strict=True):
        click.echo(f"{serial}  {profile}")
    click.echo(f"{_adb_command(farm)} devices -l")


def _describe(farm: FarmRecord) -> dict[str, Any]:
    return {
        "adb_port": farm.adb_port,
        "adb": _adb_command(farm),
        "devices": [
            {"serial": serial, "profile": profile} for serial, profile in zip(farm.serials, farm.profiles, strict=True)
        ],
        "folder": farm.folder,
        "pid": farm.pid,
        "started_at": farm.started_at.isoformat(),
    }


def _devices(count: int) -> str:
    return "1 virtual device" if count == 1 else f"{count} virtual devices"
