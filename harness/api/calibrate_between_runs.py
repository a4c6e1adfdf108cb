"""How much runs of one device differ, from several runs of the same thing. Comparisons of separate runs without a control use it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.analysis.between_runs import between_runs
from harness.analysis.cell_selection import Selection, select
from harness.analysis.cells import CellResults, group_by_cell
from harness.analysis.centre import centre
from harness.analysis.metrics import Metric, counted, purpose_for
from harness.analysis.samples import MIN_BLOCKS
from harness.analysis.sides import is_synthetic
from harness.api.compare_runs import metric_named
from harness.errors import UsageError
from harness.records import Status
from harness.runs.between_runs_files import CellBetweenRuns, as_document, save
from harness.runs.run_store import Run, load_run

_Question = tuple[str, str | None, str, str, str, str, int, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedBetweenRuns:
    """The spread between several runs.

    Args:
        cells: the spread of each cell that two runs or more have.
        left_out: number of cells that only one run has, or that ran with another binary.
        written: the files that keep the spread; none for virtual devices.
    """

    cells: tuple[CellBetweenRuns, ...]
    left_out: int
    written: tuple[Path, ...]

    def document(self) -> dict[str, Any]:
        """Return the document of `harness calibrate RUN RUN --json`."""
        return as_document(self.cells)


def calibrate_between_runs(
    runs: Sequence[str | Path],
    *,
    where: Mapping[str, str] | None = None,
    metric: Metric | str = Metric.INFERENCE_AVG,
) -> CalibratedBetweenRuns:
    """Find how much runs of one device differ although nothing was changed: the same model, binary and system build.

    For phones the result is kept in the state folder. Comparisons of separate runs without a control allow for it.

    Args:
        runs: the folders of two runs or more; five are better.
        where: only these cells: `{"delegate": "gpu"}`. Values may hold `*` and `?`.
        metric: as for `harness.compare`.

    Raises:
        UsageError: there is no such run or cell, a run is given twice, or the runs have no cell in common.
        SetupError: it cannot be kept.
    """
    measured = metric_named(metric)
    loaded = [load_run(Path(run)) for run in runs]
    if len({run.manifest.run_id for run in loaded}) < max(2, len(loaded)):
        raise UsageError("runs are compared with each other: give two or more, each once")
    found: dict[_Question, dict[str, tuple[CellResults, float]]] = {}
    for run in loaded:
        for cell in select(group_by_cell(run.results), Selection(text=str(run.path), where=where or {})):
            question, values = (
                _question(run, cell),
                counted(cell.results, measured, purpose_for(cell.results, measured)),
            )
            if question is not None and len(values) >= MIN_BLOCKS and not is_synthetic(cell):
                middle = centre([math.log(value) for value in values])
                found.setdefault(question, {})[run.manifest.run_id] = (cell, middle)
    cells = [one for question, group in found.items() if (one := _cell(question, group, measured)) is not None]
    if not cells:
        raise UsageError(
            "the runs have no cell in common with the same model, binary and system build, "
            f"and {MIN_BLOCKS} processes or more in each",
            remedy="run one suite several times, on different days",
        )
    devices = [device for run in loaded for device in run.manifest.devices]
    return CalibratedBetweenRuns(
        cells=tuple(cells), left_out=len(found) - len(cells), written=tuple(save(cells, devices))
    )


def _question(run: Run, cell: CellResults) -> _Question | None:
    """The facts that must be equal in all runs; None if a run does not know one, or it changed during the run."""
    shas = {result.artifact_sha256 for result in cell.results if result.status is Status.OK}
    [*binaries] = shas
    device = next((one for one in run.manifest.devices if one.serial == cell.key.device), None)
    if len(binaries) != 1 or not binaries[0]:
        return None
    key, model = cell.key, cell.results[0].trial.model
    fingerprint = device.fingerprint if device else None
    return (
        *(key.device, fingerprint, model.sha256, model.asked, key.binary),
        *(key.delegate, key.threads, key.cpus, binaries[0]),
    )


def _cell(
    question: _Question, group: Mapping[str, tuple[CellResults, float]], metric: Metric
) -> CellBetweenRuns | None:
    spread = between_runs([middle for _, middle in group.values()])
    if spread is None:
        return None
    device, fingerprint, sha256, asked, binary, delegate, threads, cpus, _ = question
    first = next(iter(group.values()))[0]
    return CellBetweenRuns(
        device=device,
        fingerprint=fingerprint,
        model=first.key.model,
        model_sha256=sha256,
        asked=asked,
        binary=binary,
        delegate=delegate,
        threads=threads,
        cpus=cpus,
        metric=str(metric),
        run_ids=tuple(group),
        found=spread,
    )
