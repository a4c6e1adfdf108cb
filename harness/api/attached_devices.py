"""Lists all devices on the user's ADB server and on those of running virtual devices, in any state."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from harness.devices.adb_library import AdbError, adbutils
from harness.devices.adb_list import parse_list
from harness.devices.adb_target import server_is_up
from harness.errors import SetupError, UsageError
from harness.virtual.farm import running_farms

REMEDIES: Mapping[str, str] = {
    "unauthorized": "unlock the phone and accept this computer's key",
    "offline": "unplug it and plug it in again, or `adb reconnect offline`",
    "no permissions": "a udev rule for its vendor is missing: install the package android-sdk-platform-tools-common, "
    "join the group plugdev, then plug it in again",
    "authorizing": "wait a moment, then accept this computer's key on the phone",
    "recovery": "it is in recovery mode: reboot it",
    "bootloader": "it is in its bootloader: reboot it",
    "sideload": "it is in sideload mode: reboot it",
}
"""Remedies for devices whose state is not `device`."""

NO_DEVICE_REMEDY = "attach a phone with USB debugging on, or use virtual devices: --device virtual:2"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedDevice:
    """A device in an ADB server's list."""

    serial: str
    state: str
    transport_id: int | None
    port: int


def default_port() -> int:
    """Return the port of the user's ADB server from adb's variables, in adb's order. An empty variable counts as unset.

    Raises:
        UsageError: a variable holds no port, or a server elsewhere.
    """
    if place := os.environ.get("ADB_SERVER_SOCKET", ""):
        found = re.fullmatch(r"tcp:(?:(?:localhost|127\.0\.0\.1):)?(\d{1,5})", place)
        if found is None or not 0 < int(found[1]) < 65536:
            raise UsageError(
                f"ADB_SERVER_SOCKET is {place!r}: only ADB servers on this machine are used, by their port",
                remedy="ADB_SERVER_SOCKET=tcp:localhost:5037, or unset it",
            )
        return int(found[1])
    text = os.environ.get("ANDROID_ADB_SERVER_PORT") or "5037"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise UsageError(f"ANDROID_ADB_SERVER_PORT is {text!r}, not a port")
    return int(text)


def list_devices() -> list[AttachedDevice]:
    """List all devices on the user's ADB server (started if needed, as by `adb devices`) and on running virtual farms.

    Raises:
        SetupError: there is no server, and none can be started.
    """
    farms = [farm.adb_port for farm in running_farms()]
    own = default_port()
    if not server_is_up(own):
        # Running virtual devices must not hide a phone just plugged in, nor fail without a server for phones.
        try:
            start_server(own)
        except SetupError:
            if not farms:
                raise
    listed: list[AttachedDevice] = []
    for port in dict.fromkeys([own, *farms]):
        if server_is_up(port):
            listed += _list(port)
    return listed


def attached_serials() -> frozenset[str]:
    """Return the serials of all usable devices on running servers. Starts no server."""
    ports = dict.fromkeys([default_port(), *(farm.adb_port for farm in running_farms())])
    return frozenset(one.serial for port in ports if server_is_up(port) for one in _list(port) if one.state == "device")


def remedy_for(state: str) -> str | None:
    """Return the remedy for a state, to which ADB may append an explanation."""
    return next((text for word, text in REMEDIES.items() if state.startswith(word)), None)


def _list(port: int) -> list[AttachedDevice]:
    try:
        # adbutils' own `list` takes the second word of a line for the state, but `no permissions` is two.
        with adbutils.AdbClient(host="127.0.0.1", port=port, socket_timeout=10).make_connection() as connection:
            connection.send_command("host:devices-l")
            connection.check_okay()
            found = parse_list(connection.read_string_block())
    except (AdbError, OSError, EOFError) as error:
        raise SetupError(
            f"the ADB server on port {port} does not answer: {error}", remedy="`adb kill-server`, then again"
        ) from error
    return [
        AttachedDevice(serial=one.serial, state=one.state, transport_id=one.transport_id, port=port) for one in found
    ]


def start_server(port: int) -> None:
    """Start an ADB server for this user, as `adb devices` does.

    Raises:
        SetupError: it does not start.
    """
    try:
        subprocess.run(
            [adbutils.adb_path(), "-P", str(port), "start-server"], check=True, capture_output=True, timeout=30
        )
    except (AdbError, OSError, subprocess.SubprocessError) as error:
        output = getattr(error, "stderr", b"") or b""
        reason = output.decode(errors="replace").strip().splitlines()
        raise SetupError(
            f"no ADB server on port {port}, and none can be started{': ' + reason[-1] if reason else ''}",
            remedy="use virtual devices (--device virtual:2), or see `harness doctor`",
        ) from error
