"""Finds the service of a name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from harness.virtual.device_interface import AndroidDevice
from harness.virtual.shell_protocol import parse_service
from harness.virtual.shell_service import serve_shell
from harness.virtual.stream import Stream
from harness.virtual.sync_service import serve_sync

Service = Callable[[Stream], Awaitable[None]]

_STAYS_S = 0.2

REBOOT_TARGETS = frozenset({"", "bootloader", "fastboot", "recovery", "sideload", "sideload-auto-reboot", "userspace"})
"""Allowed targets of `adb reboot`. A virtual device has one system and boots into it whatever the target."""


def resolve(name: str, device: AndroidDevice, request_reboot: Callable[[], None]) -> Service | None:
    """Find the service of this name.

    Args:
        name: the name that the host sent.
        device: the device.
        request_reboot: begins a reboot and returns at once.

    Returns:
        The service; None if this device has no such service (`tcp:`, `reverse:`, `jdwp`, ...), so the stream is refused.
    """
    if request := parse_service(name):
        return partial(serve_shell, device, request)
    if name == "sync:":
        return partial(serve_sync, device)
    if name.startswith("reboot:"):
        return partial(_serve_reboot, name.removeprefix("reboot:"), request_reboot)
    return None


async def _serve_reboot(target: str, request_reboot: Callable[[], None], stream: Stream) -> None:
    if target not in REBOOT_TARGETS:
        await stream.write(f"unknown reboot target {target!r}\n".encode("utf-8", "backslashreplace"))
        await stream.flush()
        return
    stream.close()
    # A phone takes seconds to go down. If the connection goes at once, what the server sends meanwhile makes TCP drop the answer.
    await asyncio.sleep(_STAYS_S)
    request_reboot()
