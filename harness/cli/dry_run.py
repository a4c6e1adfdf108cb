"""`harness run --dry-run`: shows what a suite would run, as a summary by cell for people, and in full for scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.analysis.cells import key_of
from harness.analysis.required_processes import least_for_same, least_processes, same_words
from harness.analysis.stopping import compared_cells
from harness.analysis.verdict import Rules
from harness.api.run_suite import RunPlan, named_cells
from harness.cli.console import open_console
from harness.files.terminal_text import printable
from harness.formats import comparison_words
from harness.records import Purpose, Trial

_MOST_CELLS = 40
"""Number of cells that are listed; the rest is only counted."""
_Cell = tuple[str, str, int, str, str]


@dataclass(slots=True)
class _CellPlan:
    """The plan of a cell, over all devices."""

    devices: set[str] = field(default_factory=set)
    masks: set[str] = field(default_factory=set)
    counts: Counter[Purpose] = field(default_factory=Counter)
    further: int = 0

    def of(self, purpose: Purpose) -> str:
        """Return the number of processes for a purpose; for the latency of an adaptive suite the least and the most."""
        count = self.counts[purpose]
        if purpose is Purpose.LATENCY and self.further:
            return f"{count} to {count + self.further}"
        return str(count) if count else ""


def print_dry_run(plan: RunPlan) -> None:
    """Print the cells of a suite, how often each runs, and the time that takes."""
    console = open_console()
    expansion = plan.expansion
    cells = _cells(expansion.trials, expansion.further)
    console.print(_table(cells))
    if len(cells) > _MOST_CELLS:
        console.print(f"... and {len(cells) - _MOST_CELLS} more cells; --json lists every trial", highlight=False)
        _print_dimensions(expansion.trials, console)
    if plan.resumes is None:
        for source in plan.suite.sources:
            words = f"{source.source} is converted first, to {', '.join(source.variants)}"
            console.print(escape(printable(words)), highlight=False)
    _print_skipped(plan, console)
    _print_deciding(plan, console)
    for warning in expansion.warnings:
        click.echo(f"warning: {warning}", err=True)
    _print_cost(plan, console)


def _cells(trials: Iterable[Trial], further: Iterable[Trial]) -> dict[_Cell, _CellPlan]:
    cells: dict[_Cell, _CellPlan] = {}
    for more, some in ((0, trials), (1, further)):
        for trial in some:
            key = (trial.model.label, trial.delegate_label, trial.threads, trial.cpus.label, trial.binary or "")
            cell = cells.get(key)
            if cell is None:
                cell = cells[key] = _CellPlan()
            cell.devices.add(trial.device)
            cell.masks.add(trial.cpus.hex)
            if more:
                cell.further += 1
            else:
                cell.counts[trial.purpose] += 1
    return dict(sorted(cells.items()))


def _table(cells: dict[_Cell, _CellPlan]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    several_binaries = any(binary for *_, binary in cells)
    several_devices = len({serial for cell in cells.values() for serial in cell.devices}) > 1
    purposes = [purpose for purpose in Purpose if any(cell.counts[purpose] for cell in cells.values())]
    for heading in ("model", "delegate", "threads", "cpus", *(("binary",) if several_binaries else ())):
        table.add_column(heading, overflow="fold")
    for heading in (*(("devices",) if several_devices else ()), *purposes):
        table.add_column(heading, justify="right")
    for (model, delegate, threads, cpus, binary), cell in list(cells.items())[:_MOST_CELLS]:
        table.add_row(
            escape(printable(model)),
            escape(delegate),
            str(threads),
            f"{escape(cpus)} ({next(iter(cell.masks))})" if len(cell.masks) == 1 else escape(cpus),
            *((escape(binary),) if several_binaries else ()),
            *((str(len(cell.devices)),) if several_devices else ()),
            *(cell.of(purpose) for purpose in purposes),
        )
    return table


def _print_dimensions(trials: Sequence[Trial], console: Console) -> None:
    """Print the dimensions of the cells, if they are too many to be listed."""
    for name, values in (
        ("models", dict.fromkeys(printable(trial.model.label) for trial in trials)),
        ("delegates", dict.fromkeys(trial.delegate_label for trial in trials)),
        ("threads", dict.fromkeys(str(trial.threads) for trial in trials)),
        ("cpus", dict.fromkeys(trial.cpus.label for trial in trials)),
        ("binaries", dict.fromkeys(trial.binary for trial in trials if trial.binary)),
    ):
        if values:
            console.print(f"{name}: {escape(', '.join(sorted(values)))}", highlight=False)


def _print_skipped(plan: RunPlan, console: Console) -> None:
    reasons = Counter((item.trial.device, item.reason) for item in plan.expansion.impossible)
    for (serial, reason), count in reasons.items():
        console.print(f"skipped: {count} trials on {escape(serial)}: {escape(reason)}", highlight=False)


def _deciding(plan: RunPlan) -> tuple[int, int | None, int]:
    """Return the number of comparisons with the baseline, the least number of processes that can decide them, and the least planned."""
    suite, expansion = plan.suite.suite, plan.expansion
    baseline = named_cells(suite.baseline)
    latency = [t for t in (*expansion.trials, *expansion.further) if t.purpose is Purpose.LATENCY]
    by_device: dict[str, list[Trial]] = {}
    for trial in latency:
        by_device.setdefault(trial.device, []).append(trial)
    comparisons = sum(len(compared_cells(trials, baseline)) for trials in by_device.values())
    looks = ((suite.adaptive.min, suite.adaptive.max),) if suite.adaptive else ()
    least = least_processes(comparisons, Rules().alpha, looks=looks) if comparisons else None
    planned = min(Counter((t.device, key_of(t)) for t in latency).values(), default=0)
    return comparisons, least, planned


def _print_deciding(plan: RunPlan, console: Console) -> None:
    comparisons, least, planned = _deciding(plan)
    if least is None or plan.resumes is not None:
        return
    many = f"{comparisons} comparison{'s' if comparisons > 1 else ''}"
    short = f"[yellow], and the suite runs {planned}: no verdict is possible[/]" if planned < least else ""
    console.print(
        f"{many} with the baseline: a verdict needs at least {least} processes of a cell{same_words(least)}{short}",
        highlight=False,
    )


def _print_cost(plan: RunPlan, console: Console) -> None:
    expansion, adaptive = plan.expansion, plan.suite.suite.adaptive
    count = len(expansion.trials)
    many = f"{count} to {count + len(expansion.further)}" if expansion.further else str(count)
    of = f"are left of {len(plan.resumes.results) + count} in" if plan.resumes is not None else "of"
    console.print(f"\n{many} trials {of} suite {escape(plan.suite.suite.suite)}, seed {expansion.seed}")
    if adaptive is not None and expansion.further:
        console.print(
            f"blocks {adaptive.min} to {adaptive.max - 1} are like these, and run for cells whose ratio is not yet known to "
            f"{comparison_words.percent(adaptive.until)}",
            highlight=False,
        )
    limit = f"; no further block after {_duration(adaptive.device_s)}" if adaptive and adaptive.device_s else ""
    for serial in dict.fromkeys(trial.device for trial in expansion.trials):
        least, most = expansion.device_seconds(serial)
        console.print(
            f"{escape(serial)}: at least {_duration(least)} of device time, {_duration(most)} if every trial times out{limit}",
            highlight=False,
        )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def dry_run_document(plan: RunPlan) -> dict[str, Any]:
    """Return every trial, for scripts."""
    suite, expansion = plan.suite.suite, plan.expansion
    serials = dict.fromkeys(trial.device for trial in expansion.trials)
    comparisons, least, _ = _deciding(plan)
    return {
        "suite": suite.suite,
        "seed": expansion.seed,
        "count": len(expansion.trials),
        "count_at_most": len(expansion.trials) + len(expansion.further),
        "adaptive": asdict(suite.adaptive.plan()) if suite.adaptive else None,
        "comparisons": comparisons,
        "least_processes": least,
        "least_processes_same": least_for_same(least) if least is not None else None,
        "device_seconds": {
            serial: {"at_least": shortest, "at_most": longest}
            for serial in serials
            for shortest, longest in [expansion.device_seconds(serial)]
        },
        "conversions": [
            {"source": one.source, "model": one.name, "variants": list(one.variants)} for one in plan.suite.sources
        ],
        "warnings": list(expansion.warnings),
        "skipped": [{"trial_id": item.trial.trial_id, "reason": item.reason} for item in expansion.impossible],
        "trials": [_trial(trial) for trial in expansion.trials],
        "further": [_trial(trial) for trial in expansion.further],
        **({"resumes": str(plan.resumes.path), "done": len(plan.resumes.results)} if plan.resumes is not None else {}),
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "trial_id": trial.trial_id,
        "device": trial.device,
        "block": trial.block,
        "model": trial.model.name,
        "delegate": trial.delegate.label,
        "threads": trial.threads,
        "cpus": trial.cpus.label,
        "mask": trial.cpus.hex,
        "cpus_label": trial.cpus.label,
        "cpus_mask": trial.cpus.hex,
        "binary": trial.binary,
        "variant": trial.model.variant,
        "start": trial.start,
        "purpose": str(trial.purpose),
        "process": trial.process,
    }
