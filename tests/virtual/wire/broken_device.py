"""A device that cannot be made, for a reason that has a remedy."""

from __future__ import annotations

from harness.errors import SetupError


def create_device(**_: object) -> None:
    raise SetupError("no board to solder it on", remedy="buy one")
