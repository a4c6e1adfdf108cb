"""Airplane mode, so that no radio wakes the phone up during a run (Android 11 and later, no root needed)."""

from __future__ import annotations

import re

from harness.conditions.journal import Setting

MIN_API_LEVEL = 30


def setting() -> Setting:
    """Return the setting: `enabled` or `disabled`."""
    return Setting(
        key="airplane_mode",
        read="cmd connectivity airplane-mode | grep -x -e enabled -e disabled",
        write=lambda value: f"cmd connectivity airplane-mode {value[:-1]}",
    )


def cuts_us_off(serial: str) -> bool:
    """Say whether a serial is reached over Wi-Fi (`192.168.1.7:5555`, `adb-SERIAL._adb-tls-connect._tcp`)."""
    return bool(re.search(r":\d+$|_adb(-tls-connect)?\._tcp", serial))
