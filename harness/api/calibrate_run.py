"""`harness.calibrate`: compares a run with itself, to tell how far comparisons on this device and model can be trusted.

`harness.run_for_calibration` makes a run with enough processes of each cell for both sides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.analysis import calibration
from harness.analysis.cell_selection import Selection, select
from harness.analysis.cells import CellResults, group_by_cell
from harness.analysis.metrics import Metric, counts, purpose_for
from harness.analysis.ratio_interval import BUDGET
from harness.analysis.samples import MIN_BLOCKS
from harness.analysis.verdict import Rules
from harness.api.compare_runs import metric_named
from harness.api.run_outcome import RunOutcome
from harness.api.run_suite import run
from harness.api.run_watcher import RunWatcher
from harness.api.suite_source import SuiteSource, loaded_suite
from harness.errors import UsageError
from harness.records import Purpose
from harness.runs.calibration_files import CellCalibration, as_document, save
from harness.runs.run_store import Run, load_run

USUAL_SIZES = (5, 10, 20, 40)
"""Default numbers of processes a side for the smallest detectable change."""

BLOCKS = 2 * BUDGET
"""Default number of processes of a cell, two for each pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedRun:
    """The calibrations of a run.

    Args:
        path: the run's folder.
        cells: one for each cell with enough processes.
        left_out: number of cells with too few.
        written: the files written: in the run, for phones in the state folder, and the run's report if there was one.
    """

    path: Path
    cells: tuple[CellCalibration, ...]
    left_out: int
    written: tuple[Path, ...]

    def __repr__(self) -> str:
        return f"CalibratedRun({str(self.path)!r}: {len(self.cells)} cells, {self.left_out} with too few processes)"

    def document(self) -> dict[str, Any]:
        """Return the document of `harness calibrate --json`."""
        return as_document(self.cells)


def calibrate(
    run: str | Path,
    *,
    where: Mapping[str, str] | None = None,
    metric: Metric | str = Metric.INFERENCE_AVG,
    min_effect: float = 0.01,
    processes: Sequence[int] = (),
    watcher: RunWatcher | None = None,
) -> CalibratedRun:
    """Find the smallest change that comparisons of a cell detect, from how its own processes differ.

    The calibrations are kept in `RUN/calibration.json`, and for phones in the state folder. Later comparisons show them.

    Args:
        run: the run's folder. A cell needs ten processes or more.
        where: only these cells: `{"delegate": "gpu"}`. Values may hold `*` and `?`.
        metric: as for `harness.compare`.
        min_effect: smaller changes count as none, as a fraction.
        processes: numbers of processes a side to find the smallest change for. Default: 5, 10, 20 and 40.
        watcher: hears when the report is rewritten, which takes seconds.

    Raises:
        UsageError: there is no such run, no such cell, or no cell has enough processes.
        SetupError: a calibration cannot be written.

    Example:
        for cell in harness.calibrate("runs/monday").cells:
            print(cell.model, cell.delegate, cell.found.spread)
    """
    if min_effect <= 0:
        raise UsageError("--min-effect must be more than 0%: no measurement shows that two things are exactly the same")
    if any(size < MIN_BLOCKS for size in processes):
        raise UsageError(f"--processes must be at least {MIN_BLOCKS}")
    measured = metric_named(metric)
    path = Path(run)
    loaded = load_run(path)
    chosen = select(group_by_cell(loaded.results), Selection(text=str(path), where=where or {}))
    sizes = tuple(sorted(set(processes))) or USUAL_SIZES
    rules = Rules(min_effect=min_effect)
    found = [one for cell in chosen if (one := _calibrated(loaded, cell, measured, sizes, rules)) is not None]
    if not found:
        most = max((len(_values(cell, measured)) for cell in chosen), default=0)
        raise UsageError(
            f"{path}: no cell has enough processes to be compared with itself (the most is {most})",
            remedy=f"measure with at least `processes: {2 * MIN_BLOCKS}` in the suite",
        )
    written = [*save(path, found, loaded.manifest.devices), *_report_again(path, watcher or RunWatcher())]
    return CalibratedRun(path=path, cells=tuple(found), left_out=len(chosen) - len(found), written=tuple(written))


def run_for_calibration(
    suite: SuiteSource,
    *,
    blocks: int = BLOCKS,
    devices: str | Sequence[str] = (),
    binaries: Mapping[str, str | Path] | None = None,
    out: str | Path | None = None,
    watcher: RunWatcher | None = None,
) -> RunOutcome:
    """Run a suite for latency alone, with enough processes of each cell to compare it with itself.

    Args:
        suite: as for `harness.run`, but without its `purposes` and `processes`.
        blocks: number of processes of each cell, two for each pair.
        devices: as for `harness.run`.
        binaries: as for `harness.run`.
        out: as for `harness.run`.
        watcher: as for `harness.run`.

    Raises:
        UsageError, SetupError: as `harness.run`, and if the suite does not interleave.

    Example:
        outcome = harness.run_for_calibration("suite.yaml", devices="any", blocks=40)
        harness.calibrate(outcome.path)
    """
    if blocks < 2 * MIN_BLOCKS:
        raise UsageError(f"--blocks must be at least {2 * MIN_BLOCKS}: two for each pair")
    loaded = loaded_suite(suite)
    if not loaded.suite.order.interleave:
        raise UsageError(f"{loaded.path}: without interleaving, neighbours are not what a comparison compares")
    changed = {"suite": f"{loaded.suite.suite} calibration", "purposes": [Purpose.LATENCY], "processes": blocks}
    loaded = replace(loaded, suite=loaded.suite.model_copy(update=changed))
    return run(loaded, devices=devices, binaries=binaries, out=out, watcher=watcher)


def _report_again(path: Path, watcher: RunWatcher) -> list[Path]:
    """Rewrite the report if there is one, since it shows the run's calibrations."""
    from harness.report import REPORT, write_report  # slow to import

    if not (path / REPORT).exists():
        return []
    with watcher.phase("writing the report"):
        return [write_report(path)]


def _calibrated(
    run: Run, cell: CellResults, metric: Metric, sizes: tuple[int, ...], rules: Rules
) -> CellCalibration | None:
    found = calibration.calibrate(_values(cell, metric), processes=sizes, rules=rules)
    if found is None:
        return None
    device = next((one for one in run.manifest.devices if one.serial == cell.key.device), None)
    model = cell.results[0].trial.model
    return CellCalibration(
        run_id=run.manifest.run_id,
        device=cell.key.device,
        fingerprint=device.fingerprint if device else None,
        model=cell.key.model_label,
        model_sha256=model.sha256,
        delegate=cell.key.delegate,
        threads=cell.key.threads,
        cpus=cell.key.cpus,
        metric=str(metric),
        found=found,
        binary=cell.key.binary,
        asked=model.asked,
    )


def _values(cell: CellResults, metric: Metric) -> list[float]:
    purpose = purpose_for(cell.results, metric)
    ordered = sorted(cell.results, key=lambda result: result.trial.block)
    return [math.log(value) for result in ordered if (value := counts(result, metric, purpose)) is not None]
