"""What `host:devices-l` of an ADB server says. Pure: text in, devices out.

A line is `SERIAL STATE key:value ...`. Most states are one word; that of a device which this user may not open is a sentence (AOSP
`client/usb_linux.cpp` and `diagnose_usb.cpp`):

    HT85G1A05551  no permissions (missing udev rules? user is in the plugdev group); see [http://developer.android.com/...] usb:1-2
    (no serial number)  no permissions (user in plugdev group; are your udev rules wrong?); see [...] usb:1-3 transport_id:4

A serial may hold spaces: mDNS appends ` (2)` where two phones announce one name.

    adb-13e75597-Upleco (2)._adb-tls-connect._tcp device product:oriole model:Pixel_6 device:oriole transport_id:5
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STATES = "authorizing|bootloader|connecting|detached|device|host|no ?device|offline|recovery|rescue|sideload|unauthorized|unknown"
"""What AOSP's `adb.cpp` (to_string of ConnectionState) prints, `no permissions` apart."""

# The state is the word of that list behind which there is nothing but `key:value`. A state that is not known is the second word.
_LINES = (
    re.compile(rf"(?P<serial>\S.*?)\s+(?P<state>{_STATES})(?P<rest>(\s+[a-z_]+:\S*)*)"),
    re.compile(r"(?P<serial>\S.*?)\s+(?P<state>no permissions)\b(?P<rest>.*)"),
    re.compile(r"(?P<serial>\S+)\s+(?P<state>\S+)(?P<rest>.*)"),
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
        match = next((match for form in _LINES if (match := form.fullmatch(line.strip()))), None)
        if match is None:
            continue
        transport = _TRANSPORT.search(match["rest"])
        devices.append(ListedDevice(match["serial"], match["state"], int(transport[1]) if transport else None))
    return devices
