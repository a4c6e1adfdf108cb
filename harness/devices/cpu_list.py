"""The kernel's notation for sets of cores: lists (`0-3,7`) and bit masks. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_CPUS = 1024
"""Far beyond any phone; prevents text such as `0-999999999` from filling the memory."""

_RANGE = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")


def parse_list(text: str) -> tuple[int, ...]:
    """Read the kernel's list syntax: `0-3,7` -> (0, 1, 2, 3, 7). Empty text names no core.

    Raises:
        ValueError: `text` is not a list, or names a core beyond `MAX_CPUS`.
    """
    cores: set[int] = set()
    for part in text.strip().split(",") if text.strip() else ():
        match = _RANGE.fullmatch(part.strip())
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if not low <= high < MAX_CPUS:
            raise ValueError(f"{text!r} is not a list of cores such as 0-3 or 0,2-3")
        cores.update(range(low, high + 1))
    return tuple(sorted(cores))


def format_list(cores: Iterable[int]) -> str:
    """Do the inverse of `parse_list`: (0, 1, 2, 3, 7) -> `0-3,7`."""
    parts: list[list[int]] = []
    for core in sorted(set(cores)):
        if parts and core == parts[-1][1] + 1:
            parts[-1][1] = core
        else:
            parts.append([core, core])
    return ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in parts)


def to_mask(cores: Iterable[int]) -> int:
    """Return the mask of these cores: bit N is core N."""
    mask = 0
    for core in cores:
        mask |= 1 << core
    return mask


def from_mask(mask: int) -> tuple[int, ...]:
    """Return the cores of a mask, ascending."""
    return tuple(i for i in range(mask.bit_length()) if mask >> i & 1)
