"""Waits until a device that kept failing works again, while the other devices go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from harness.devices.target import Cancelled
from harness.measuring.lane_plan import Patience


def gets_well(
    healthy: Callable[[], bool],
    *,
    number: int,
    reason: str,
    patience: Patience,
    note: Callable[[str], None],
    cancel: threading.Event,
) -> bool:
    """Wait until a device works again.

    Args:
        healthy: checks the device.
        number: how often the device has been in quarantine, this time included.
        reason: why the device is in quarantine.
        patience: how long to wait, and how often a device may come back.
        note: tells the watcher.
        cancel: set when the run is ending.

    Returns:
        False if the device did not recover in time, or has been quarantined too often.

    Raises:
        Cancelled: the run is ending.
    """
    if number > patience.quarantines or patience.quarantine_s <= 0:
        return False
    note(f"quarantined, waits {patience.quarantine_s:g} s at most: {reason}")
    deadline = time.monotonic() + patience.quarantine_s
    pause = patience.probe_s
    while (left_s := deadline - time.monotonic()) > 0:
        if cancel.wait(min(pause, left_s)):
            raise Cancelled
        if healthy():
            note("is well again")
            return True
        pause = min(2 * pause, 8 * patience.probe_s)
    return False
