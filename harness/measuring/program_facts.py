"""Which flags a benchmark binary has, from its `--help`: asked once, then remembered by the binary's SHA-256."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from harness.benchmark_model.command_line import BinaryFacts, read_help
from harness.devices.push import Blob
from harness.devices.target import Target

log = logging.getLogger(__name__)

_TIMEOUT_S = 30.0


class HelpTexts(Protocol):
    """Help texts of binaries, by SHA-256."""

    def help_text(self, sha256: str) -> str | None:
        """Return the stored text; None if the binary has not been asked yet."""

    def keep_help(self, sha256: str, text: str) -> None:
        """Store a help text."""


def facts_of(
    target: Target, program: Blob, help_texts: HelpTexts | None, cancel: threading.Event | None = None
) -> BinaryFacts:
    """Return which flags a binary has, from its stored help text or by asking it now.

    Args:
        target: a device that has the binary.
        program: the binary.
        help_texts: where answers are stored; None stores nothing.
        cancel: set by another thread to give up early.

    Raises:
        DeviceError: the device failed.
        Cancelled: `cancel` was set.
    """
    known = help_texts.help_text(program.sha256) if help_texts else None
    if known is not None:
        return read_help(known)
    # `--help` exits with 1 and prints on stderr; a binary that cannot start has no help text.
    output = target.run(f"{program.remote} --help </dev/null", timeout_s=_TIMEOUT_S, cancel=cancel)
    text = (output.stderr + output.stdout).decode(errors="replace")
    facts = read_help(text)
    log.info("%s: asked %s what it knows: %d flags", target.serial, program.path, len(facts.flags))
    if help_texts is not None and facts.flags:
        help_texts.keep_help(program.sha256, text)
    return facts
