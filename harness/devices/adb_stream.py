"""A command that runs on a device behind an ADB server, with its output as it comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from harness.devices.shell_stream import ShellPieces
from harness.devices.socket_deadline import NoEnd
from harness.errors import DeviceHung


class AdbStream:
    """See `CommandStream`.

    Args:
        pieces: reads the open connection.
        opened: closes it.
        cancel: set by another thread to give up early.
        serial: the device's.
        translated: a context in which errors of the connection become DeviceErrors.
    """

    def __init__(
        self,
        pieces: ShellPieces,
        opened: ExitStack,
        cancel: threading.Event | None,
        *,
        serial: str,
        translated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._pieces, self._opened, self._cancel = pieces, opened, cancel
        self._serial, self._translated = serial, translated

    @property
    def exit_code(self) -> int:
        """See `CommandStream.exit_code`."""
        return self._pieces.exit_code

    def receive(self, *, timeout_s: float) -> tuple[int, bytes] | None:
        """See `CommandStream.receive`."""
        with self._translated():
            try:
                return self._pieces.next(time.monotonic() + timeout_s, self._cancel)
            except NoEnd:
                raise DeviceHung(f"no end of the command within {timeout_s:g} s", serial=self._serial) from None

    def close(self) -> None:
        """See `CommandStream.close`."""
        self._opened.close()
