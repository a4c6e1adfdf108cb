"""Expands a suite on given devices to trials in order. Pure.

Each process is one sample, so their order matters. Block N holds the N-th latency process of every cell, so that a phone that warms up
slows all cells alike. The order within a block is random, and balanced for predecessors (`harness.analysis.block_order`). Profile and
memory processes come last, in the same kind of order: they never mix with latencies.

An adaptive suite expands to its largest number of blocks, with the same ids in the same order. During the run, `harness.analysis.stopping`
decides which of them run.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis.block_order import block_orders
from harness.devices.topology import Topology, resolve
from harness.errors import UsageError
from harness.records import CpuRequest, DelegateRequest, Impossible, ModelRef, Purpose, StartState, Trial
from harness.records.causes import Cause
from harness.suite.suite_file import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePlan:
    """The facts about a device that the expansion needs."""

    serial: str
    topology: Topology
    cpu_sets: Mapping[str, Sequence[int]]
    lacking_ops: Mapping[tuple[str | None, str], str] = field(default_factory=dict)
    """By the binary's name in the suite and the model's path: the reason why the binary lacks ops of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """All trials, device by device in execution order; those that cannot run; and warnings."""

    trials: tuple[Trial, ...]
    impossible: tuple[Impossible, ...]
    warnings: tuple[str, ...]
    seed: int
    further: tuple[Trial, ...] = ()
    """Trials of an adaptive suite beyond its smallest number of blocks. They run only as long as their comparison needs them."""

    def device_seconds(self, serial: str) -> tuple[float, float]:
        """Return the least and the most seconds that a device spends in `benchmark_model`, by the suite's limits."""
        mine = [trial for trial in self.trials if trial.device == serial]
        least = sum(trial.run.warmup_s + trial.run.min_s for trial in mine)
        mine += [trial for trial in self.further if trial.device == serial]
        return least, sum(trial.run.timeout_s for trial in mine)


@dataclass(frozen=True, slots=True)
class _Cell:
    model: ModelRef
    delegate: DelegateRequest
    threads: int
    cpus: CpuRequest
    binary: str | None
    start: StartState
    reason: str | None
    cause: Cause | None = None


def expand(
    suite: Suite,
    models: Sequence[ModelRef],
    devices: Sequence[DevicePlan],
    *,
    seed: int,
    no_models: Mapping[str, str] | None = None,
) -> Expansion:
    """Expand a suite.

    Args:
        suite: the checked suite.
        models: the model files of the suite.
        devices: the devices.
        seed: seed of the random order; the same seed gives the same order.
        no_models: for each file that is not a model, by path, a sentence that says what it is. Its cells fail without a run.

    Raises:
        UsageError: `cpus` holds a word that has no meaning on any device, or the suite asks for the same trial twice.
    """
    trials: list[Trial] = []
    further: list[Trial] = []
    least = suite.adaptive.min if suite.adaptive else None
    impossible: list[Impossible] = []
    warnings: dict[str, None] = {}
    for device in devices:
        cells = _cells(suite, models, device, warnings)
        # Python hashes str seeds with SHA-512, so the order is stable between its versions and processes.
        rng = random.Random(f"{seed}/{device.serial}")  # noqa: S311  # an order, not a secret
        for block, (purpose, process, order) in enumerate(_blocks(suite, cells, no_models or {}, rng)):
            sure = least is None or purpose is not Purpose.LATENCY or process < least
            for cell in order:
                trial = _trial(suite, device.serial, cell, purpose, process, block)
                no_model = (no_models or {}).get(cell.model.path)
                if no_model is not None:
                    if sure:
                        impossible.append(Impossible(trial=trial, reason=no_model, cause=Cause.MODEL_INVALID))
                elif cell.reason is None:
                    (trials if sure else further).append(trial)
                elif sure:
                    impossible.append(Impossible(trial=trial, reason=cell.reason, cause=cell.cause))
    _refuse_twins([*trials, *further, *(item.trial for item in impossible)])
    return Expansion(
        trials=tuple(trials),
        impossible=tuple(impossible),
        warnings=tuple(warnings),
        seed=seed,
        further=tuple(further),
    )


def _refuse_twins(trials: Sequence[Trial]) -> None:
    seen: dict[str, Trial] = {}
    for trial in trials:
        if seen.setdefault(trial.trial_id, trial) is not trial:
            raise UsageError(
                f"the suite asks for the same trial twice: {trial.model.label}, {trial.delegate.label}, {trial.cpus.label}"
            )


def _cells(suite: Suite, models: Sequence[ModelRef], device: DevicePlan, warnings: dict[str, None]) -> list[_Cell]:
    cells: list[_Cell] = []
    for label in suite.cpus:
        cpus = resolve(label, device.topology, device.cpu_sets)
        reason = None if cpus else f"the device has no cores {label!r} that are online"
        for threads in suite.threads:
            too_many = cpus is not None and threads > cpus.mask.bit_count()
            if cpus is not None and too_many:
                warnings[
                    f"{device.serial}: {threads} threads on {cpus.mask.bit_count()} cores ({label}): slower, not faster"
                ] = None
            refused = (
                f"{threads} threads on {cpus.mask.bit_count()} cores, which the suite refuses"
                if cpus is not None and too_many and suite.conditions.threads_over_cores == "refuse"
                else reason
            )
            cells += [
                _Cell(
                    model,
                    delegate,
                    threads,
                    cpus or CpuRequest(label=label, mask=0),
                    binary,
                    start,
                    refused or lacking,
                    Cause.OP_UNSUPPORTED if lacking and not refused else None,
                )
                for model in models
                for delegate in suite.delegate_requests()
                for start in suite.starts_of(delegate)
                for binary in suite.binary_names()
                for lacking in (device.lacking_ops.get((binary, model.path)),)
            ]
    return cells


def _blocks(
    suite: Suite, cells: Sequence[_Cell], no_models: Mapping[str, str], rng: random.Random
) -> list[tuple[Purpose, int, list[_Cell]]]:
    """Return the blocks in order: purpose, process, and cells in order. Cells that never run come last, because nothing follows them."""
    blocks: list[tuple[Purpose, int, list[_Cell]]] = []
    never = [cell for cell in cells if cell.reason is not None or cell.model.path in no_models]
    runs = [cell for cell in cells if cell.reason is None and cell.model.path not in no_models]
    for purpose in sorted(suite.purposes, key=list(Purpose).index):
        processes = suite.most_processes(purpose)
        if not suite.order.interleave:
            blocks += [(purpose, process, [cell]) for cell in cells for process in range(processes)]
            continue
        open_end = purpose is Purpose.LATENCY and suite.adaptive is not None
        orders = block_orders(range(len(runs)), processes, rng, open_end=open_end)
        blocks += [
            (purpose, process, [*(runs[number] for number in order), *never]) for process, order in enumerate(orders)
        ]
    return blocks


def _trial(suite: Suite, serial: str, cell: _Cell, purpose: Purpose, process: int, block: int) -> Trial:
    # Only the request identifies a trial, so a resumed or repeated expansion gives the same ids.
    asked = (
        serial,
        cell.model.name,
        # The source, not the converted file: it is the same before and after the conversion.
        cell.model.sha256 if cell.model.variant is None else f"{cell.model.source_sha256} {cell.model.variant}",
        cell.delegate.label,
        cell.delegate.require,
        str(cell.threads),
        cell.cpus.label,
        cell.cpus.hex,
        purpose.value,
        str(process),
        # Only if given, so that suites without these keep their ids.
        *((cell.binary,) if cell.binary is not None else ()),
        *((f"start={cell.start}",) if cell.start != "warm" else ()),
        *((f"model={cell.model.asked}",) if cell.model.asked else ()),
    )
    digest = hashlib.sha256("\0".join(asked).encode("utf-8", "surrogateescape")).hexdigest()
    return Trial(
        trial_id=digest[:16],
        device=serial,
        model=cell.model,
        delegate=cell.delegate,
        threads=cell.threads,
        cpus=cell.cpus,
        purpose=purpose,
        process=process,
        block=block,
        run=suite.accuracy_lengths() if purpose is Purpose.ACCURACY else suite.run.lengths(),
        binary=cell.binary,
        start=cell.start,
        forbid_synthetic=suite.synthetic == "forbid",
    )
