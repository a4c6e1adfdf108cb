"""The summary of a run, for a terminal and for scripts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from harness.analysis.cells import CellSummary, baseline_key, summaries
from harness.analysis.comparison import Comparison
from harness.analysis.comparison import Table as ComparisonTable
from harness.analysis.metrics import Metric
from harness.analysis.sides import OUTPUT_DIFFERS
from harness.analysis.verdict import Verdict
from harness.api.run_outcome import RunOutcome
from harness.cli.console import open_console
from harness.files.terminal_text import printable
from harness.formats import conversion_words, decision_words
from harness.formats.comparison_words import verdict_name
from harness.formats.headline import headlines, memory_alone, with_memory
from harness.formats.narrow_table import PrintedColumn, print_table, say
from harness.formats.run_against_baseline import against_baseline, asks_for
from harness.records import CellKey, Purpose, Scalar, Status
from harness.records.adaptive_decisions import AdaptivePlan
from harness.runs.run_progress import adaptive_progress
from harness.runs.run_store import Run


def write_json(document: object) -> None:
    """Write one JSON document to stdout."""
    click.echo(json.dumps(document, indent=1, ensure_ascii=True, allow_nan=False))


def print_summary(run: Run, report: Path | None, *, on_stderr: bool = False) -> None:
    """Print a table of each device's cells, then the report's path, if there is one."""
    console = open_console(on_stderr=on_stderr)
    found = summaries(run.results)
    names = {device.serial: device.model or "" for device in run.manifest.devices}
    compared, memory = against_baseline(run), against_baseline(run, Metric.PEAK_MEMORY)
    ratios, of_memory = _ratios(run, compared), _memory_ratios(memory) if asks_for(run, Purpose.MEMORY) else {}
    if run.manifest.baseline:
        _print_headlines(compared, memory if asks_for(run, Purpose.MEMORY) else None, run.manifest.baseline, console)
        console.print()
    for serial in dict.fromkeys(cell.key.device for cell in found):
        cells = sorted((cell for cell in found if cell.key.device == serial), key=lambda cell: cell.key)
        title = f"[bold]{escape(printable(serial))}  {escape(printable(names.get(serial, '')))}[/]"
        latency = _with_baselines(ratios, cells, {cell.key for cell in found if cell.values_us}, run)
        peaks = _with_baselines(of_memory, cells, {cell.key for cell in found if cell.peaks_mb}, run)
        columns = _columns(
            cells, latency if asks_for(run, Purpose.LATENCY) else None, peaks if asks_for(run, Purpose.MEMORY) else None
        )
        print_table(console, columns, title=title)
        console.print()
    counts = Counter(result.status for result in run.results)
    synthetic = sum(result.synthetic for result in run.results)
    words = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    fixed = ", ".join(f"{key} {value}" for key, value in (run.manifest.baseline or {}).items())
    for line in conversion_words.failures(run.manifest.conversions):
        say(console, f"[red]{escape(printable(line))}[/]")
    say(console, f"{len(run.results)} trials: {words or 'none'}" + (f"; {synthetic} synthetic" if synthetic else ""))
    if fixed:
        words = "faster, slower" if asks_for(run, Purpose.LATENCY) else "more, less"
        how = f"block by block; {words} or same if that is sure"
        say(console, f"ratio: to the cell with {escape(fixed)} that is otherwise the same, {how}")
    if run.manifest.adaptive is not None:
        _print_adaptive(run, run.manifest.adaptive, console)
    click.echo(
        f"report: {report}" if report else f"no report was written; make it with: harness report {run.path}",
        err=on_stderr,
    )


def _print_adaptive(run: Run, plan: AdaptivePlan, console: Console) -> None:
    for step in adaptive_progress(run):
        say(console, f"{escape(step.device)}: {escape(decision_words.where(step, plan))}")
    levels = [one.level for one in run.decisions if one.ci_low is not None and one.level is not None]
    if levels:
        text = f"[a, b]: an interval of {100 * levels[0]:.3g} %, which allows for a look after every block; {decision_words.CITED}"
        say(console, escape(text))


def summary_document(outcome: RunOutcome) -> dict[str, Any]:
    """Describe the run for scripts."""
    run = outcome.run
    found = summaries(run.results)
    compared = {one.key: one for one in against_baseline(run).comparisons}
    memory = {one.key: one for one in against_baseline(run, Metric.PEAK_MEMORY).comparisons}
    keys = [cell.key for cell in found]
    return {
        "run": str(run.path),
        "run_id": run.manifest.run_id,
        "report": str(outcome.report) if outcome.report else None,
        "interrupted": outcome.interrupted,
        "unfinished": outcome.unfinished,
        "set_aside": dict(outcome.set_aside),
        "adaptive": _adaptive_document(run),
        "conversions": [asdict(one) for one in run.manifest.conversions],
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
                "variant": cell.key.variant or None,
                "median_us": cell.median_us,
                "spread": cell.spread,
                "processes": len(cell.values_us),
                "statuses": {str(status): count for status, count in cell.statuses.items()},
                "causes": list(cell.causes),
                "synthetic": cell.synthetic,
                "output_differs": cell.output_differs,
                "accuracy": asdict(cell.accuracy) if cell.accuracy is not None else None,
                "profiling_overhead": cell.profiling_overhead,
                "is_baseline": baseline_key(cell.key, keys, run.manifest.baseline) == cell.key,
                **_against(compared.get(cell.key)),
                "memory": {
                    "peak_mb": cell.peak_memory_mb,
                    "processes": len(cell.peaks_mb),
                    **_against(memory.get(cell.key) if cell.peaks_mb else None),
                },
            }
            for cell in found
        ],
    }


def _against(one: Comparison | None) -> dict[str, Any]:
    """Return a cell's ratio to its baseline with the interval, verdict and notes of `harness compare`; nulls if there is none."""
    estimate = one.estimate if one else None
    return {
        "ratio": estimate.ratio if estimate else None,
        "ci_low": estimate.ci_low if estimate else None,
        "ci_high": estimate.ci_high if estimate else None,
        "verdict": str(one.verdict) if one and one.verdict else None,
        "notes": [note.text for note in one.notes] if one else [],
    }


def _adaptive_document(run: Run) -> dict[str, Any] | None:
    """Describe how an adaptive run finds its number of blocks, and what it decided for each device."""
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


def _print_headlines(
    table: ComparisonTable, memory: ComparisonTable | None, baseline: Mapping[str, Scalar], console: Console
) -> None:
    """Print the answer before the numbers: `xnnpack is 3.2x faster than cpu, with 12 % more peak memory`."""
    latency = headlines(table, list(baseline))
    of_memory = headlines(memory, list(baseline), undecided=True) if memory else []
    for one in (*latency, *memory_alone(latency, of_memory)):
        who, against = (", ".join(_value_words(*item) for item in values.items()) for values in (one.values, baseline))
        evidence = f" ({one.evidence()})" if one.evidence() else ""
        text = f"{who} {one.words().format(against)}{one.everywhere()}"
        clause = with_memory(one, of_memory) if one in latency else ""
        say(console, f"[bold]{escape(printable(text))}[/]{escape(evidence)}{escape(clause)}.")


def _value_words(dimension: str, value: Scalar) -> str:
    if dimension == "threads":
        return f"{value} thread{'s' * (value != 1)}"
    return f"binary {value}" if dimension == "binary" else str(value)


def _ratios(run: Run, table: ComparisonTable) -> dict[CellKey, str]:
    """Return each cell's ratio to its baseline, with the verdict if there is one."""
    decided = {one.head: escape(decision_words.decided_ratio(one)) for one in run.decisions if one.head and one.ratio}
    for one in table.comparisons:
        if one.estimate.ratio is not None and (one.key not in decided or one.state == "incomparable"):
            decided[one.key] = _ratio_words(one)
        elif one.key in decided:
            decided[one.key] += _differing(one)
    return decided


def _memory_ratios(table: ComparisonTable) -> dict[CellKey, str]:
    """Return each cell's peak memory over its baseline's, with the verdict if there is one."""
    return {one.key: _ratio_words(one) for one in table.comparisons if one.estimate.ratio is not None}


def _ratio_words(one: Comparison) -> str:
    sure = one.verdict not in (None, Verdict.INCONCLUSIVE)
    verdict = f" {verdict_name(one.judgement.verdict, one.metric.unit)}" if sure else ""
    return f"{one.estimate.ratio:.2f}x{verdict}{_differing(one)}"


def _differing(one: Comparison) -> str:
    return f" [bold red]{OUTPUT_DIFFERS}[/]" if one.output_differs else ""


def _with_baselines(
    ratios: Mapping[CellKey, str], cells: Sequence[CellSummary], measured: Collection[CellKey], run: Run
) -> dict[CellKey, str]:
    """Return each cell's ratio; a measured baseline has 1."""
    bases = {cell.key for cell in cells if baseline_key(cell.key, measured, run.manifest.baseline) == cell.key}
    return {cell.key: "1.00x" if cell.key in bases else ratios.get(cell.key, "") for cell in cells}


def _columns(
    cells: Sequence[CellSummary], ratios: Mapping[CellKey, str] | None, memory: Mapping[CellKey, str] | None
) -> list[PrintedColumn]:
    """Choose one device's columns. Model, delegate and status always stay; spread and number of processes are dropped first.

    Args:
        cells: the device's cells.
        ratios: the latency's ratios; None if the run asks for no latency.
        memory: the peak memory's ratios; None if the run asks for no memory.
    """
    spreads = [f"{cell.spread:.1%}" if cell.spread is not None else "" for cell in cells]
    counts = [str(len(cell.peaks_mb if ratios is None else cell.values_us)) for cell in cells]
    latency = (
        [
            PrintedColumn("median ms", [_ms(cell.median_us) for cell in cells], right=True),
            PrintedColumn("spread", spreads, right=True, drop=6),
            PrintedColumn("ratio", [ratios[cell.key] for cell in cells], right=True),
        ]
        if ratios is not None
        else []
    )
    peaks = (
        [
            PrintedColumn("peak MB", [_mb(cell.peak_memory_mb) for cell in cells], right=True, drop=2),
            PrintedColumn("MB ratio", [memory[cell.key] for cell in cells], right=True, drop=4),
        ]
        if memory is not None
        else []
    )
    binaries = [escape(printable(cell.key.binary)) for cell in cells]
    return [
        PrintedColumn("model", [escape(printable(cell.key.model_label)) for cell in cells]),
        PrintedColumn("delegate", [escape(printable(cell.key.delegate)) for cell in cells]),
        PrintedColumn("threads", [str(cell.key.threads) for cell in cells], drop=1),
        PrintedColumn("cpus", [escape(printable(cell.key.cpus)) for cell in cells], drop=3),
        *([PrintedColumn("binary", binaries)] if any(binaries) else []),
        *latency,
        PrintedColumn("n", counts, right=True, drop=5),
        *peaks,
        PrintedColumn("status", [_status(cell) for cell in cells]),
    ]


def _ms(us: float | None) -> str:
    return f"{us / 1000:.3f}" if us is not None else "-"


def _mb(peak: float | None) -> str:
    return f"{peak:.1f}" if peak is not None else "-"


def _status(cell: CellSummary) -> str:
    good, total = cell.statuses.get(Status.OK, 0), sum(cell.statuses.values())
    status = "[green]ok[/]" if good == total else f"[red]{good} of {total} ok: {escape(', '.join(cell.causes))}[/]"
    return status + (" [magenta]synthetic[/]" if cell.synthetic else "")
