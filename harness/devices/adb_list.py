"""What `host:devices-l` of an ADB server says. Pure: text in, devices out.

A line is `SERIAL STATE key:value ...`. Most states are one word; that of a device which this user may not open is a sentence (AOSP
`client/usb_linux.cpp` and `diagnose_usb.cpp`):

    HT85G1A05551  no permissions (missing udev rules? user is in the plugdev group); see [http://developer.android.com/...] usb:1-2
    (no serial number)  no permissions (user in plugdev group; are your udev rules wrong?); see [...] usb:1-3 transport_id:4
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    r"(?P<serial>\(no serial number\)|\S+)\s+(?P<state>no permissions|\S+)(?P<rest>.*)",
)
_TRANSPORT = re.compile(r"\btransport_id:(\d{1,9})\b")


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A line of the list. `state` is one of adb's words (`device`, `unauthorized`, `offline`, ...) or `no permissions`."""

    serial: str
    state: str
    transport_id: int | None


def parse_list(text: str) -> list[ListedDevice]:
    """The devices of a list, in its order. A line that makes no sense is passed over."""
    devices = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None:
            continue
        transport = _TRANSPORT.search(match["rest"])
        devices.append(ListedDevice(match["serial"], match["state"], int(transport[1]) if transport else None))
    return devices
