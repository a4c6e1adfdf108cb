"""The plan of an adaptive run and the decisions after its blocks. Both are kept with the run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from harness.records.asked import CellKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptivePlan:
    """The limits of an adaptive run. They are fixed before its first block, since a later change would choose the outcome."""

    min_blocks: int
    """Number of blocks that every cell runs in any case."""
    max_blocks: int
    until: float
    """Width at which the plain interval (93 %) of a compared ratio is narrow enough: its upper end over its lower end, less 1."""
    device_s: float | None = None
    """Device time after which no further block begins: seconds that latency processes kept the device (`Result.device_s`), with all
    attempts and waits, but without the trial that a killed harness left unfinished. None: no limit."""


StopReason = Literal["narrow", "max_blocks", "max_device_time", "unmeasured", "nothing_to_compare"]
"""`narrow`: the interval is as narrow as requested, and no verdict is near. `max_blocks`, `max_device_time`: a limit was reached before.
`unmeasured`: none of the first `min_blocks` blocks has a good process on both sides, so more would be in vain.
`nothing_to_compare`: no cell of the device has a baseline there; it ran the first `min_blocks` blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The end of a comparison in an adaptive run, one line of `decisions.jsonl`.

    Report this interval: it is wider than a plain one, to allow for the look after every block. Trials that this decision made unnecessary
    do not count as missing.
    """

    device: str
    head: CellKey | None
    """The compared cell; None if the device has nothing to compare."""
    base: CellKey | None
    """Its baseline."""
    reason: StopReason
    block: int
    """The last block before the decision, as its trials number it."""
    blocks: int
    """Number of blocks with a good process on both sides, on which the interval rests."""
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    level: float | None = None
    """Level of the interval at each look; where runs stop by these rules, it holds at 95 %."""
    method: str
    """The method that gives the level, with its sources."""
    device_s: float
    """Device time that all latency processes of the device had taken by then, in seconds."""
    at: datetime
