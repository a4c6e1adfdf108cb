"""The control of two separate runs: a cell that both measured and nobody changed. Pure.

Two runs show how far apart they started only if both also measured something that nobody changed: the control. Each process is divided by
its block's control, so a shift that hits all alike cancels. A control counts only if model, binary, delegate, threads and cores are equal
in both runs: a new binary would divide its own regression away.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.cell_selection import Pair
from harness.analysis.cells import CellResults, cell_words, matches
from harness.analysis.metrics import Metric, purpose_for, reported
from harness.analysis.resolution import ratio_resolution
from harness.analysis.samples import MIN_BLOCKS
from harness.analysis.sides import RunContext, by_block, is_synthetic
from harness.records import CellKey, ModelRef, Result, Status

_CANARY_METRICS = (Metric.INFERENCE_AVG, Metric.MEDIAN, Metric.P5, Metric.P95)
"""The canary times inferences only: it says nothing about how a model loads or how much memory it takes."""

_Logs = Mapping[int, float]
"""Of a control: the mean logarithm of its values by block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Controlled:
    """The values of a pair after division by the control."""

    name: str
    """The control in words."""
    base: tuple[float, ...]
    """Logarithms of base's processes less their block's control, in the order of running."""
    head: tuple[float, ...]
    moved: float
    """The ratio of the control itself, head over base, that was divided away."""
    resolution: float
    """Relative size of the step in which the control's values are printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Control:
    name: str
    base: _Logs
    head: _Logs
    synthetic: bool = False
    resolution: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Identity:
    """What must be equal for two cells to be one control."""

    model: str
    asked: str
    binary: str
    delegate: str
    threads: int
    mask: str


class Controls:
    """The controls of two runs, by device.

    Args:
        base: the one run.
        head: the other.
        metric: what is compared.
    """

    def __init__(self, base: RunContext, head: RunContext, metric: Metric) -> None:
        self._base, self._head, self._metric = base, head, metric
        self._named = head.control or base.control
        self._apart = base.run_id != head.run_id
        self._found: dict[str, tuple[_Control | None, str | None]] = {}
        self._keys: set[tuple[CellKey, CellKey]] = set()

    def of(self, pair: Pair) -> tuple[Controlled | None, str | None]:
        """Divide a pair of two runs by its control.

        Returns:
            The values, or None and why there are none; None twice within one run.
        """
        if not self._apart or pair.base is None or pair.head is None:
            return None, None
        if not self._same_device(pair):
            return None, "no control: the two runs are of different devices"
        control, why = self._control(pair.head.key.device)
        if control is None:
            return None, why
        if control.synthetic != is_synthetic(pair.base) or control.synthetic != is_synthetic(pair.head):
            return (
                None,
                f"the control {control.name} does not count: of it and the cell, one is synthetic and the other was measured",
            )
        sides = [by_block(cell, self._metric) for cell in (pair.base, pair.head)]
        ours, theirs = (
            tuple(math.log(value) - logs[block] for block in sorted(side) if block in logs for value in side[block])
            for side, logs in zip(sides, (control.base, control.head), strict=True)
        )
        for left, side in zip((ours, theirs), sides, strict=True):
            whole = sum(len(values) for values in side.values())
            if len(left) < min(MIN_BLOCKS, whole):
                return (
                    None,
                    f"the control {control.name} does not count: only {len(left)} of {whole} processes share a block with it",
                )
        moved = math.exp(_mean(control.head.values()) - _mean(control.base.values()))
        resolution = control.resolution
        return Controlled(name=control.name, base=ours, head=theirs, moved=moved, resolution=resolution), None

    def is_control(self, pair: Pair) -> bool:
        """Say whether a pair is the control itself, which is no result."""
        if not self._apart or pair.base is None or pair.head is None or not self._same_device(pair):
            return False
        self._control(pair.head.key.device)
        return (pair.base.key, pair.head.key) in self._keys

    def _same_device(self, pair: Pair) -> bool:
        assert pair.base is not None and pair.head is not None  # noqa: S101, PT018  # the callers have looked
        serial = pair.base.key.device
        ours, theirs = self._base.devices.get(serial), self._head.devices.get(serial)
        if serial != pair.head.key.device:
            return False
        # The serial of a virtual device says only on which port it sat.
        return (
            ours is None
            or theirs is None
            or (ours.model, ours.soc, ours.virtual) == (theirs.model, theirs.soc, theirs.virtual)
        )

    def _control(self, device: str) -> tuple[_Control | None, str | None]:
        if device not in self._found:
            self._found[device] = self._cells(device) if self._named else (self._canary(device), None)
        return self._found[device]

    def _cells(self, device: str) -> tuple[_Control | None, str | None]:
        named = self._named or {}
        words = ", ".join(f"{key} {value}" for key, value in named.items())
        sides = [
            [cell for cell in run.cells if cell.key.device == device and matches(cell.key, named)]
            for run in (self._base, self._head)
        ]
        for name, cells in zip(("BASE", "HEAD"), sides, strict=True):
            if not any(by_block(cell, self._metric) for cell in cells):
                return None, f"the control ({words}) does not count: {name} has no {self._metric.words} of it"
        theirs = {identity: cell for cell in sides[1] if (identity := _identity(cell)) is not None}
        pairs = [
            (cell, theirs[identity])
            for cell in sides[0]
            if (identity := _identity(cell)) in theirs
            and identity is not None
            and is_synthetic(cell) == is_synthetic(theirs[identity])
        ]
        if not pairs:
            return None, f"the control ({words}) does not count: {_unlike(sides[0][0], sides[1][0])}"
        self._keys |= {(ours.key, theirs.key) for ours, theirs in pairs}
        return self._joined(pairs), None

    def _joined(self, pairs: Sequence[tuple[CellResults, CellResults]]) -> _Control:
        """Several cells as one control: each less its own mean over both runs, so that a block may lack some of them."""
        gathered: tuple[dict[int, list[float]], dict[int, list[float]]] = ({}, {})
        for pair in pairs:
            logs = [
                {block: _mean(map(math.log, values)) for block, values in by_block(cell, self._metric).items()}
                for cell in pair
            ]
            level = _mean([_mean(side.values()) for side in logs if side])
            for side, into in zip(logs, gathered, strict=True):
                for block, log in side.items():
                    into.setdefault(block, []).append(log - level)
        ours, theirs = ({block: _mean(logs) for block, logs in side.items()} for side in gathered)
        key = pairs[0][1].key
        name = cell_words(key, device=False)
        name += f" and {len(pairs) - 1} more" if len(pairs) > 1 else ""
        resolution = max(
            ratio_resolution(
                *([value for values in by_block(cell, self._metric).values() for value in values] for cell in pair)
            )
            for pair in pairs
        )
        return _Control(name=name, base=ours, head=theirs, synthetic=is_synthetic(pairs[0][0]), resolution=resolution)

    def _canary(self, device: str) -> _Control | None:
        """The canary, where the records leave no doubt of what it ran, and it was timed before every block that counts."""
        if self._metric not in _CANARY_METRICS:
            return None
        sides = [[cell for cell in run.cells if cell.key.device == device] for run in (self._base, self._head)]
        identities = [_canary_identity(run, cells) for run, cells in zip((self._base, self._head), sides, strict=True)]
        if None in identities or len(set(identities)) > 1:
            return None
        base, head = (self._canary_logs(cells) for cells in sides)
        return _Control(name="canary", base=base, head=head) if base and head else None

    def _canary_logs(self, cells: Sequence[CellResults]) -> _Logs:
        """Empty if before any process that counts the canary was not timed, or only modelled."""
        blocks: dict[int, list[float]] = {}
        for cell in cells:
            purpose = purpose_for(cell.results, self._metric)
            for result in cell.results:
                if reported(result, self._metric, purpose) is None:
                    continue
                us = result.conditions.canary_us
                if not us or "canary_us" in result.conditions.simulated:
                    return {}
                blocks.setdefault(result.trial.block, []).append(math.log(us))
        return {block: _mean(logs) for block, logs in blocks.items()}


def _identity(cell: CellResults) -> _Identity | None:
    """None where the cell's processes are not all of one binary and model, or the binary is not known."""
    found = {_of(result) for result in cell.results if result.status is Status.OK}
    identity = found.pop() if found else None
    return None if found or identity is None or not identity.binary else identity


def _of(result: Result) -> _Identity:
    trial = result.trial
    return _Identity(
        model=trial.model.sha256,
        asked=trial.model.asked,
        binary=result.artifact_sha256 or "",
        delegate=trial.delegate_label,
        threads=trial.threads,
        mask=trial.cpus.hex,
    )


def _unlike(base: CellResults, head: CellResults) -> str:
    """Say in what two cells differ that should be one control."""
    ours, theirs = _identity(base), _identity(head)
    if ours is None or theirs is None:
        side = "BASE" if ours is None else "HEAD"
        return f"it is not known to be of one model and one binary throughout {side}"
    words = {
        "model": "the model file differs",
        "asked": "what the model is fed with differs",
        "binary": "the benchmark binary differs",
        "delegate": "the delegate differs",
        "threads": "the number of threads differs",
        "mask": "the cores differ",
    }
    differing = [text for name, text in words.items() if getattr(ours, name) != getattr(theirs, name)]
    return "; ".join(differing) or "one side is synthetic and the other was measured"


def _canary_identity(run: RunContext, cells: Sequence[CellResults]) -> tuple[str, str, str, str] | None:
    """Model, its inputs, binary and cores of the canary: the smallest model of the suite, on the cores and with the binary of the first
    trial. A session that went on with the run began with another trial, so these are known only where all trials agree."""
    results = [result for cell in cells for result in cell.results if result.status is Status.OK]
    binaries = {result.artifact_sha256 or "" for result in results}
    masks = {result.trial.cpus.hex for result in results}
    if len(binaries) != 1 or len(masks) != 1 or "" in binaries:
        return None
    models: Sequence[ModelRef] = run.models or [result.trial.model for result in results]
    smallest = min(models, key=lambda model: (model.size_bytes, model.sha256))
    return smallest.sha256, smallest.asked, min(binaries), min(masks)


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return math.fsum(known) / len(known)
