"""Measures two places of a bisection in one interleaved run, and stores the result."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.analysis.cell_selection import Selection, parse_where, select
from harness.analysis.cells import CellResults, cell_words, group_by_cell
from harness.analysis.metrics import Metric
from harness.analysis.sides import by_block
from harness.analysis.stopping import process_of
from harness.api.attached_devices import attached_serials
from harness.api.resume_run import resume, selectors_of
from harness.api.run_outcome import RunOutcome
from harness.api.run_suite import run as run_suite
from harness.api.run_watcher import RunWatcher
from harness.errors import SetupError, UsageError
from harness.experiments.bisect_decision import Pair
from harness.experiments.bisect_places import Place
from harness.experiments.bisect_records import Measured, Part, Watcher
from harness.experiments.bisect_state import StateFile
from harness.experiments.bisect_suite import BisectSuites, Kind, side_name
from harness.records import CellKey, Trial
from harness.runs.run_folder import MANIFEST
from harness.runs.run_store import Run, load_run
from harness.suite.suite_file import LoadedSuite


class SuiteMeasure:
    """Measures places by runs of suites; a `bisect_records.Measure`.

    Args:
        suites: makes the suites.
        places: the places.
        program: returns a place's entry in `binaries`; not called for models.
        state: stores the measurements.
        devices: device selectors for both ends. Later steps run on the device of the deciding cell.
        cell: selects the cells that may decide, such as `delegate=cpu`; None for all.
        about: called before two places are measured, unless the result is known already.
        watcher: is notified of the runs.
    """

    def __init__(
        self,
        suites: BisectSuites,
        places: Sequence[Place],
        program: Callable[[int], Mapping[str, Any]],
        state: StateFile,
        devices: Sequence[str],
        cell: str | None,
        about: Watcher,
        watcher: RunWatcher,
    ) -> None:
        self._suites, self._places, self._program, self._state = suites, places, program, state
        self._devices, self._about, self._watcher = tuple(devices), about, watcher
        self._where = Selection(text=f"--cell {cell}", where=parse_where(cell)) if cell else None

    def __call__(self, base: int, head: int, *, part: Part, number: int, blocks: int, cell: str | None) -> Measured:
        """Measure two places.

        Raises:
            KeyboardInterrupt: Ctrl-C ended the run; finished processes are kept.
            UsageError: `--cell` selects no cell.
            SetupError: there is no device, or a binary is gone.
        """
        key = f"{part}-{base}-{head}-{number}"
        if (known := self._state.measured(key)) is not None:
            return known
        sides = [self._places[place] for place in (base, head)]
        suites = self._suites
        programs = [self._program(place) for place in (base, head)] if suites.kind == "binary" else []
        devices = self._devices
        if cell is None:
            suite = suites.ends(sides, programs, blocks)
        else:
            trial, run = self._deciding(cell)
            suite = suites.pair(sides, programs, blocks, cell=trial, profile=part == "change" and number == 0)
            devices = _device_of(trial, run)
        self._about.measuring(part, base, head, blocks)
        outcome = self._run(key, suite, devices)
        took = self._read(outcome.run, sides, cell)
        self._state.keep_measured(key, took)
        return took

    def _run(self, key: str, suite: LoadedSuite, devices: Sequence[str]) -> RunOutcome:
        """Run in its own folder, or resume the run that was killed there."""
        path = self._state.folder / "runs" / key
        path.parent.mkdir(exist_ok=True)
        outcome: RunOutcome | None = None
        if (path / MANIFEST).exists():
            try:
                outcome = resume(path, report=False, watcher=self._watcher)
            except (
                UsageError
            ) as error:  # for example after an update of the phone: the old run stays beside the new one
                self._watcher.warning(f"{path} cannot go on, so it is measured anew: {error}")
                path = _next_free(path)
        if outcome is None:
            outcome = run_suite(suite, devices=devices, out=path, report=False, watcher=self._watcher)
        if outcome.interrupted:
            raise KeyboardInterrupt
        for serial, reason in outcome.set_aside.items():
            self._watcher.warning(f"{serial}: {reason}")
        if not outcome.results:
            raise SetupError(f"nothing could be measured: see {path}", remedy="the same command goes on from here")
        return outcome

    def _read(self, run: Run, sides: Sequence[Place], cell: str | None) -> Measured:
        base, head = (self._cells_of(run, place) for place in sides)
        if cell is None and self._where is not None:
            chosen = {one.key for one in select([*base.values(), *head.values()], self._where)}
            base, head = ({label: one for label, one in side.items() if one.key in chosen} for side in (base, head))
        metric = self._suites.metric
        pairs = {label: _pairs(base[label], head[label], metric) for label in base if label in head}
        if cell is not None:
            pairs = {cell: next(iter(pairs.values()), ())}
        # If a place fails on a device that runs the other one, the place is the cause.
        counts = [sum(len(by_block(one, metric)) for one in side.values()) for side in (base, head)]
        results = [result for side in (base, head) for one in side.values() for result in one.results]
        return Measured(
            cells=pairs,
            blocks=len({result.trial.block for result in results if result.trial.purpose is self._suites.purpose}),
            device_s=math.fsum(process_of(result).device_s for result in run.results),
            run=str(run.path.relative_to(self._state.folder)),
            head_fails=counts[0] > 0 and counts[1] == 0,
        )

    def _cells_of(self, run: Run, place: Place) -> dict[str, CellResults]:
        """Return the cells of a place, by the label that both sides share."""
        kind, name, devices = self._suites.kind, side_name(place), _names_of(run)
        cells = [cell for cell in group_by_cell(run.results) if getattr(cell.key, kind) == name]
        return {_label(cell.key, kind, devices[cell.key.device]): cell for cell in cells}

    def _deciding(self, cell: str) -> tuple[Trial, Run]:
        """Return a trial of the deciding cell, and the run that chose it."""
        ends = self._state.measured(f"ends-0-{len(self._places) - 1}-0")
        assert ends is not None  # noqa: S101  # it chose the cell
        run = load_run(self._state.folder / ends.run)
        for side in (self._places[0], self._places[-1]):
            if (found := self._cells_of(run, side).get(cell)) is not None:
                return found.results[0].trial, run
        raise SetupError(f"{run.path} has no cell {cell} any more", remedy="begin anew: --out DIR")


def _label(key: CellKey, kind: Kind, device: str) -> str:
    common = replace(key, device=device, binary="") if kind == "binary" else replace(key, device=device, model="")
    return cell_words(common).strip()


def _names_of(run: Run) -> dict[str, str]:
    """Return a lasting name for each device: the serial of a virtual device is only its port."""
    names: dict[str, str] = {}
    for info in run.manifest.devices:
        name = f"virtual:{info.config}" if info.virtual and info.config else info.serial
        same = sum(one == name or one.startswith(f"{name} #") for one in names.values())
        names[info.serial] = f"{name} #{same + 1}" if same else name
    return names


def _pairs(base: CellResults, head: CellResults, metric: Metric) -> tuple[Pair, ...]:
    ours, theirs = by_block(base, metric), by_block(head, metric)
    return tuple((ours[block][0], theirs[block][0]) for block in sorted(ours.keys() & theirs.keys()))


def _device_of(trial: Trial, run: Run) -> tuple[str, ...]:
    selectors = selectors_of(run.manifest, attached_serials())
    return tuple(one for one, info in zip(selectors, run.manifest.devices, strict=True) if info.serial == trial.device)


def _next_free(path: Path) -> Path:
    number = 2
    while path.with_name(f"{path.name}-{number}").exists():
        number += 1
    return path.with_name(f"{path.name}-{number}")
