"""What an adaptive run agreed on before its first block, and what it decided after its blocks. Kept with the run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from harness.records.asked import CellKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptivePlan:
    """How long an adaptive run measures. Agreed on before its first block: changing it afterwards would be to choose the outcome."""

    min_blocks: int
    """Blocks that every cell runs in any case."""
    max_blocks: int
    until: float
    """Width at which the interval of a compared ratio is narrow enough: its upper end over its lower end, less 1."""
    device_s: float | None = None
    """Device time after which no further block begins: seconds that latency processes kept the device (`Result.device_s`), with all
    attempts and waits. What a killed harness had under way is not in it. None: no limit."""


StopReason = Literal["narrow", "max_blocks", "max_device_time", "unmeasured", "nothing_to_compare"]
"""`narrow`: the interval is as narrow as was asked for. `max_blocks`, `max_device_time`: it is not, but a limit was reached.
`unmeasured`: none of the agreed least number of blocks has a good process on both sides, so more would be in vain.
`nothing_to_compare`: the device has no cell that has a baseline there; it ran the least number of blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Why an adaptive run stopped measuring a comparison. One line of `decisions.jsonl`.

    The interval is the one to report: it holds although there was a look after every block.
    Trials that this decision made unnecessary do not count as missing.
    """

    device: str
    head: CellKey | None
    """The compared cell; None where the device has nothing to compare."""
    base: CellKey | None
    """Its baseline."""
    reason: StopReason
    block: int
    """The block after which it was decided, as its trials number it."""
    blocks: int
    """Blocks with a good process on both sides: the interval rests on these."""
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    level: float | None = None
    """Of the interval at each look; over all looks together it holds at 95 %."""
    method: str
    """How the level was found, with its sources."""
    device_s: float
    """Device time that all latency processes of the device had taken by then, in seconds."""
    at: datetime
