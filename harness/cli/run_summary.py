"""What a run came to, for a terminal and for scripts."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.analysis import cell_selection as selection
from harness.analysis.cells import CellSummary, baseline_key, baseline_of, group_by_cell, summaries
from harness.analysis.comparison import RunContext, compare
from harness.analysis.metrics import Metric
from harness.analysis.verdict import Rules, Verdict
from harness.api.run_outcome import RunOutcome
from harness.formats import decision_words
from harness.formats.terminal_text import printable
from harness.records import CellKey, Status
from harness.records.adaptive_decisions import AdaptivePlan
from harness.runs.run_progress import adaptive_progress
from harness.runs.run_store import Run


def write_json(document: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False))


def print_summary(run: Run, report: Path | None, *, on_stderr: bool = False) -> None:
    """A table of each device's cells, then where the report lies, if there is one."""
    console = terminal_width_console(on_stderr=on_stderr)
    found = summaries(run.results)
    names = {device.serial: device.model or "" for device in run.manifest.devices}
    for serial in dict.fromkeys(cell.key.device for cell in found):
        title = f"{escape(serial)}  {escape(names.get(serial, ''))}"
        table = Table(
            title=title, title_justify="left", title_style="bold", box=None, header_style="dim", pad_edge=False
        )
        several = any(cell.key.binary for cell in found)
        for heading in ("model", "delegate", "threads", "cpus", *(("binary",) if several else ())):
            table.add_column(heading, overflow="fold")
        for heading in ("median ms", "spread", "ratio", "n"):
            table.add_column(heading, justify="right", no_wrap=True)
        ratios = _ratios(run)
        table.add_column("status", overflow="fold")
        for cell in sorted((cell for cell in found if cell.key.device == serial), key=lambda cell: cell.key):
            is_base = baseline_of(cell, found, run.manifest.baseline) is cell
            table.add_row(*_row(cell, "1.00x" if is_base else ratios.get(cell.key, ""), with_binary=several))
        console.print(table)
        console.print()
    counts = Counter(result.status for result in run.results)
    synthetic = sum(result.synthetic for result in run.results)
    words = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    fixed = ", ".join(f"{key} {value}" for key, value in (run.manifest.baseline or {}).items())
    console.print(f"{len(run.results)} trials: {words or 'none'}" + (f"; {synthetic} synthetic" if synthetic else ""))
    if fixed:
        how = "block by block; faster, slower or same where that is sure"
        console.print(f"ratio: to the cell with {escape(fixed)} and otherwise the same, {how}", highlight=False)
    if run.manifest.adaptive is not None:
        _print_adaptive(run, run.manifest.adaptive, console)
    click.echo(
        f"report: {report}" if report else f"no report was written; make it with: harness report {run.path}",
        err=on_stderr,
    )


def _print_adaptive(run: Run, plan: AdaptivePlan, console: Console) -> None:
    for step in adaptive_progress(run):
        console.print(f"{escape(step.device)}: {escape(decision_words.where(step, plan))}", highlight=False)
    levels = [one.level for one in run.decisions if one.ci_low is not None and one.level is not None]
    if levels:
        text = f"[a, b]: holds at 95 % however often was looked, at {100 * levels[0]:.1f} % for one look; {decision_words.CITED}"
        console.print(escape(text), highlight=False)


def terminal_width_console(*, on_stderr: bool = False) -> Console:
    """A pipe or a file has no width of its own: there lines are not folded to a terminal's 80 columns."""
    console = Console(stderr=on_stderr)
    return console if console.is_terminal else Console(width=160, stderr=on_stderr)


def summary_document(outcome: RunOutcome) -> dict[str, Any]:
    """The run for scripts."""
    run = outcome.run
    found = summaries(run.results)
    return {
        "run": str(run.path),
        "run_id": run.manifest.run_id,
        "report": str(outcome.report) if outcome.report else None,
        "interrupted": outcome.interrupted,
        "unfinished": outcome.unfinished,
        "set_aside": dict(outcome.set_aside),
        "adaptive": _adaptive_document(run),
        "statuses": dict(Counter(str(result.status) for result in run.results)),
        "cells": [
            {
                "model": cell.key.model,
                "device": cell.key.device,
                "delegate": cell.key.delegate,
                "threads": cell.key.threads,
                "cpus": cell.key.cpus,
                "cpus_label": cell.key.cpus,
                "cpus_mask": cell.mask,
                "binary": cell.key.binary or None,
                "median_us": cell.median_us,
                "spread": cell.spread,
                "processes": len(cell.values_us),
                "statuses": {str(status): count for status, count in cell.statuses.items()},
                "causes": list(cell.causes),
                "synthetic": cell.synthetic,
                "profiling_overhead": cell.profiling_overhead,
            }
            for cell in found
        ],
    }


def _adaptive_document(run: Run) -> dict[str, Any] | None:
    """How an adaptive run was to find its number of blocks, and what it decided for each device."""
    plan = run.manifest.adaptive
    if plan is None:
        return None
    return {
        **asdict(plan),
        "devices": [
            {
                "device": step.device,
                "stopped": not step.trials,
                "blocks": step.blocks,
                "compared": step.compared,
                "going_on": step.going_on,
                "widest": step.widest,
                "decisions": [{**asdict(one), "at": one.at.isoformat()} for one in (*step.earlier, *step.decisions)],
            }
            for step in adaptive_progress(run)
        ],
    }


def _ratios(run: Run) -> dict[CellKey, str]:
    """Each cell's ratio to its baseline, with the verdict where there is one: the numbers of `harness compare` and of the report."""
    decided = {one.head: escape(decision_words.decided_ratio(one)) for one in run.decisions if one.head and one.ratio}
    results = {cell.key: cell for cell in group_by_cell(run.results)}
    pairs = []
    for key, cell in results.items():
        base = baseline_key(key, results, run.manifest.baseline)
        if base is not None and base != key and key not in decided:
            pairs.append(selection.Pair(base=results[base], head=cell))
    source = RunContext(
        run_id=run.manifest.run_id,
        devices={device.serial: device for device in run.manifest.devices},
        harness_version=run.manifest.harness_version,
        adaptive=run.manifest.adaptive,
    )
    table = compare(pairs, source, source, metric=Metric.INFERENCE_AVG, rules=Rules(), ops=False)
    for one in table.comparisons:
        if one.estimate.ratio is not None:
            sure = one.judgement.verdict is not Verdict.INCONCLUSIVE
            decided[one.key] = f"{one.estimate.ratio:.2f}x" + (f" {one.judgement.verdict}" if sure else "")
    return decided


def _row(cell: CellSummary, ratio: str, *, with_binary: bool) -> tuple[str, ...]:
    median, spread = cell.median_us, cell.spread
    good = cell.statuses.get(Status.OK, 0)
    total = sum(cell.statuses.values())
    status = "[green]ok[/]" if good == total else f"[red]{good} of {total} ok: {escape(', '.join(cell.causes))}[/]"
    return (
        escape(printable(cell.key.model)),
        escape(cell.key.delegate),
        str(cell.key.threads),
        escape(cell.key.cpus),
        *((escape(cell.key.binary),) if with_binary else ()),
        f"{median / 1000:.3f}" if median is not None else "-",
        f"{spread:.1%}" if spread is not None else "",
        ratio,
        str(len(cell.values_us)),
        status + (" [magenta]synthetic[/]" if cell.synthetic else ""),
    )
