"""Reads the answer of an ADB server to `host:devices-l`. Pure: text in, devices out.

A line is `SERIAL STATE key:value ...`. Most states are one word; for a device that this user may not open it is a sentence (AOSP
`client/usb_linux.cpp` and `diagnose_usb.cpp`):

    HT85G1A05551  no permissions (missing udev rules? user is in the plugdev group); see [http://developer.android.com/...] usb:1-2
    (no serial number)  no permissions (user in plugdev group; are your udev rules wrong?); see [...] usb:1-3 transport_id:4

A serial may contain spaces: mDNS appends ` (2)` if two phones announce the same name.

    adb-13e75597-Upleco (2)._adb-tls-connect._tcp device product:oriole model:Pixel_6 device:oriole transport_id:5
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STATES = "authorizing|bootloader|connecting|detached|device|host|no ?device|offline|recovery|rescue|sideload|unauthorized|unknown"
"""The states that AOSP's `adb.cpp` (to_string of ConnectionState) prints, except `no permissions`."""

# The state is the known word after which only `key:value` pairs follow. An unknown state is the second word.
_LINES = (
    re.compile(rf"(?P<serial>\S.*?)\s+(?P<state>{_STATES})(?P<rest>(\s+[a-z_]+:\S*)*)"),
    re.compile(r"(?P<serial>\S.*?)\s+(?P<state>no permissions)\b(?P<rest>.*)"),
    re.compile(r"(?P<serial>\S+)\s+(?P<state>\S+)(?P<rest>.*)"),
)
_TRANSPORT = re.compile(r"\btransport_id:(\d{1,9})\b")


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """One line of the list. `state` is one of adb's words (`device`, `unauthorized`, `offline`, ...) or `no permissions`."""

    serial: str
    state: str
    transport_id: int | None


def parse_list(text: str) -> list[ListedDevice]:
    """Return the devices of a list, in its order. Lines that make no sense are passed over."""
    devices = []
    for line in text.splitlines():
        match = next((match for form in _LINES if (match := form.fullmatch(line.strip()))), None)
        if match is None:
            continue
        transport = _TRANSPORT.search(match["rest"])
        devices.append(ListedDevice(match["serial"], match["state"], int(transport[1]) if transport else None))
    return devices
