"""`harness.compare`: whether HEAD is faster or slower than BASE, by how much, where, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from harness.analysis import carry_over, comparison
from harness.analysis.cell_selection import (
    Pair,
    Selection,
    fixed_apart,
    narrowed,
    pair_cells,
    parse_where,
    same_devices,
    select,
)
from harness.analysis.cells import KEYS, CellResults, group_by_cell
from harness.analysis.comparison import Comparison, Table
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.errors import UsageError
from harness.formats.comparison_json import comparison_document
from harness.runs import calibration_files
from harness.runs.run_progress import unfinished_trials
from harness.runs.run_store import Run, load_run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """What came of comparing two sides.

    Args:
        base: the base side as it was named.
        head: the head side as it was named.
        table: every comparison, and the answers over all devices.
    """

    base: str
    head: str
    table: Table

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """One for each pair of cells: `estimate` holds the ratio with its interval, `judgement` the verdict."""
        return self.table.comparisons

    @property
    def gate_broken(self) -> bool:
        """Whether a cell is surely slower than the gate allows, or was measured by base and not by head. False without a gate."""
        return self.table.gate_broken

    def document(self) -> dict[str, Any]:
        """What `harness compare --json` prints."""
        return comparison_document(self.table, self.base, self.head)


@dataclass(frozen=True, slots=True)
class _Side:
    text: str
    run: Run
    selection: Selection
    cells: list[CellResults]


def compare(
    base: str | Path,
    head: str | Path,
    *,
    by: str | Sequence[str] = (),
    metric: Metric | str = Metric.INFERENCE_AVG,
    min_effect: float = 0.01,
    gate: float | None = None,
    strict: bool = False,
) -> RunComparison:
    """Compare two runs, or two selections of cells, cell by cell.

    Args:
        base: a run's folder, or a selection of its cells: `RUN@delegate=cpu,threads=4`.
        head: the same for what is held against it.
        by: a key in which the sides differ, or several: `delegate`.
        metric: what is compared: `inference_avg`, `init`, ... (`harness.analysis.metrics.Metric`).
        min_effect: smaller changes count as `same`, as a fraction: 0.01 is 1 %.
        gate: how much slower a cell may be, as a fraction; None sets no gate.
        strict: refuse to compare what was measured under unlike conditions.

    Raises:
        UsageError: there is no such run, key or metric; nothing pairs; base has nothing for the `gate`; or `strict` refuses.

    Example:
        found = harness.compare("runs/pr@binary=main", "runs/pr@binary=change", gate=0.03)
        for one in found.comparisons:
            print(one.key.model, one.estimate.ratio, one.judgement.verdict)
        assert not found.gate_broken
    """
    if min_effect <= 0:
        raise UsageError("--min-effect must be more than 0%: no measurement shows that two things are exactly the same")
    keys = (by,) if isinstance(by, str) else tuple(by)
    _check_keys(keys)
    measured = metric_named(metric)
    runs: dict[Path, Run] = {}
    ours, theirs = _side(str(base), runs), _side(str(head), runs)
    table = _compared(ours, theirs, keys, measured, Rules(min_effect=min_effect, gate=gate))
    if gate is not None and not table.base_measured:
        raise _nothing_to_hold_against(ours, theirs, table)
    if strict:
        _refuse_unlike(table)
    return RunComparison(base=ours.text, head=theirs.text, table=table)


def metric_named(metric: Metric | str) -> Metric:
    """The metric of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return Metric(metric)
    except ValueError:
        raise UsageError(f"--metric {metric}: no such metric", remedy=f"one of {', '.join(Metric)}") from None


def _compared(ours: _Side, theirs: _Side, by: Sequence[str], metric: Metric, rules: Rules) -> Table:
    for side in (ours, theirs):
        if not side.cells:
            raise UsageError(f"{side.text}: no trial has finished there", remedy="harness run --resume RUN")
    same_run = ours.run.manifest.run_id == theirs.run.manifest.run_id
    apart = list(dict.fromkeys([*fixed_apart(ours.selection, theirs.selection), *by]))
    pairs = pair_cells(
        narrowed(ours.cells, ours.selection, theirs.selection),
        narrowed(theirs.cells, theirs.selection, ours.selection),
        apart=apart,
        devices=same_devices(ours.run.manifest.devices, theirs.run.manifest.devices),
        baseline=ours.run.manifest.baseline,
    )
    if not any(pair.base and pair.head for pair in pairs):
        raise UsageError(_nothing_to_compare(ours, theirs, apart, same_run=same_run))
    table = comparison.compare(pairs, _source(ours.run), _source(theirs.run), metric=metric, rules=rules, apart=apart)
    table = carry_over.noted(table, *([ours.run.results] if same_run else [ours.run.results, theirs.run.results]))
    return _with_calibrations(table, pairs, ours.run, theirs.run)


def _nothing_to_compare(ours: _Side, theirs: _Side, apart: Sequence[str], *, same_run: bool) -> str:
    if same_run and not apart:
        return (
            f"{ours.text} and {theirs.text} are the same cells: select two parts, such as RUN@delegate=cpu and "
            "RUN@delegate=gpu, or name what differs: --by delegate"
        )
    lines = []
    for key in KEYS:
        if key in apart:
            continue
        here, there = ({str(getattr(cell.key, key)) for cell in side.cells} for side in (ours, theirs))
        if not here & there:
            lines.append(
                f"{key}: {', '.join(sorted(here))} against {', '.join(sorted(there))} (--by {key} would pair them)"
            )
    return f"no cell of {theirs.text} pairs with one of {ours.text}" + (f"; {'; '.join(lines)}" if lines else "")


def _nothing_to_hold_against(ours: _Side, theirs: _Side, table: Table) -> UsageError:
    if any(one.base.n for one in table.comparisons):
        return UsageError(
            f"of {ours.text} and {theirs.text} one is synthetic and the other was measured: no gate can hold one against the other",
            remedy="compare without --gate, or measure both",
        )
    return UsageError(
        f"{ours.text} has no {table.metric.words} of any cell that is compared: there is nothing to hold {theirs.text} against",
        remedy=f"choose another --metric than {table.metric}, or measure it in BASE",
    )


def _check_keys(by: Sequence[str]) -> None:
    for key in by:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(KEYS)}"
            raise UsageError(f"--by {key}: no such key", remedy=remedy)


def _side(text: str, runs: dict[Path, Run]) -> _Side:
    path, where = _divide(text)
    if path not in runs:
        runs[path] = load_run(path)
    run = runs[path]
    selection = Selection(text=text, where=parse_where(where) if where else {})
    return _Side(text, run, selection, select(group_by_cell(run.results), selection))


def _divide(text: str) -> tuple[Path, str]:
    """Path and selection. An `@` may be part of the path: a folder of that very name wins."""
    whole = Path(text)
    if "@" not in text or whole.exists():
        return whole, ""
    # The selection may hold an `@` too (a model's name), so the shortest path that is there wins.
    parts = text.split("@")
    for count in range(1, len(parts)):
        path = Path("@".join(parts[:count]))
        if path.is_dir():
            return path, "@".join(parts[count:])
    path_text, _, where = text.partition("@")
    return Path(path_text), where


def _source(run: Run) -> RunContext:
    return RunContext(
        run_id=run.manifest.run_id,
        devices={device.serial: device for device in run.manifest.devices},
        harness_version=run.manifest.harness_version,
        adaptive=run.manifest.adaptive,
        planned=len(run.manifest.planned),
        left=unfinished_trials(run),
    )


def _with_calibrations(table: Table, pairs: Sequence[Pair], base: Run, head: Run) -> Table:
    devices = [*base.manifest.devices, *head.manifest.devices]
    known = calibration_files.load(dict.fromkeys((base.path, head.path)), devices)
    fingerprints: Mapping[str, str | None] = {device.serial: device.fingerprint for device in devices}
    return calibration_files.noted(table, pairs, known, fingerprints)


def _refuse_unlike(table: Table) -> None:
    texts = dict.fromkeys(note.text for one in table.comparisons for note in one.notes if note.unlike)
    if texts:
        raise UsageError(
            f"measured under unlike conditions: {'; '.join(texts)}",
            remedy="measure both sides alike, or compare without --strict: the notes then stand beside the numbers",
        )
