"""The measurements, decisions and answer of a bisection. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from harness.analysis.ratio_interval import Estimate
from harness.experiments.bisect_decision import Pair, Side

Part = Literal["ends", "midpoint", "change"]
Outcome = Literal["found", "range", "no_difference", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The results of further interleaved blocks of two revisions."""

    cells: Mapping[str, Sequence[Pair]]
    """Values by block of each cell; only one cell once it is chosen."""
    blocks: int
    """Number of blocks that ran."""
    device_s: float
    run: str
    """The run's folder, relative to that of the bisection."""
    head_fails: bool = False
    """No process of head gave a number, though some of base did."""


class Measure(Protocol):
    """Measures two revisions in one interleaved run."""

    def __call__(self, base: int, head: int, *, part: Part, number: int, blocks: int, cell: str | None) -> Measured:
        """Measure two revisions.

        Args:
            base: place of the base.
            head: place of the head.
            part: the purpose; `change` also profiles ops.
            number: number of the run of this pair, from 0.
            blocks: number of blocks.
            cell: the cell that decides; None for all cells.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectStep:
    """A decision on a pair of revisions."""

    part: Part
    base: int
    head: int
    verdict: Side | Literal["undecided"]
    """`bad`: head is like the bad revision, or for `ends` and `change`, the two surely differ."""
    estimate: Estimate | None
    """None if nothing was measured: the programs are the same, or head gives no number."""
    cell: str | None
    between: bool = False
    same_program: bool = False
    level: float = 0.0
    """Its allowed chance to be wrong."""
    runs: tuple[str, ...] = ()
    device_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BisectAnswer:
    """The answer of a search."""

    outcome: Outcome
    reason: str
    """Why there is no single revision; empty if there is one."""
    after: int
    """The last place like the good one."""
    upto: int
    """The first place known to be like the bad one: the change lies after `after` and not after `upto`."""
    steps: tuple[BisectStep, ...]
    error: float
    """Upper limit of the chance that any decision was wrong."""
    skipped: Mapping[int, str]
    """Places that could not be measured, with the reason."""
    cell: str | None
    notes: tuple[str, ...] = ()
    device_s: float = 0.0

    @property
    def remaining(self) -> range:
        """The places at which the change may lie."""
        return range(self.after + 1, self.upto + 1)

    @property
    def change(self) -> BisectStep | None:
        """The measurement of the last two neighbours; None if the search did not get there."""
        return next((step for step in self.steps if step.part == "change"), None)


class Watcher:
    """Receives the progress of the search. Override what you need."""

    def measuring(self, part: Part, base: int, head: int, blocks: int) -> None:
        """Called before blocks run."""

    def decided(self, step: BisectStep, after: int, upto: int) -> None:
        """Called after a decision, with the range that remains."""

    def skipped(self, place: int, reason: str) -> None:
        """Called for a place that cannot be measured."""
