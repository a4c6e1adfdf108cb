"""Sums a run up in words: processes, causes, waits. Pure. `answer.py` has the differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from harness.analysis.carry_over import carry_over
from harness.formats import conversion_words
from harness.report.cell_summaries import ReportCell
from harness.report.drift_sentences import drift_sentences
from harness.report.wording import number_of
from harness.runs.run_store import Run

_ORDER = ("ok", "failed", "invalid", "skipped", "pending")


@dataclass(frozen=True, slots=True)
class Summary:
    """Numbers of processes by outcome (`pending` never ran) and of synthetic results, and sentences."""

    planned: int
    outcomes: Mapping[str, int]
    synthetic: int
    sentences: tuple[str, ...]


def summarise(run: Run, cells: tuple[ReportCell, ...]) -> Summary:
    """Put a run into a few sentences."""
    planned = sum(len(cell.trials) for cell in cells)
    counts = Counter(result.status.value for result in run.results)
    counts["pending"] = planned - len(run.results)
    synthetic = sum(result.synthetic for result in run.results)
    sentences = [
        _counts(planned, counts, run),
        *conversion_words.failures(run.manifest.conversions),
        *_causes(run),
        *_waiting(run),
        *_disturbed(run),
        *drift_sentences(run),
        *(f"{one.device}: {one.note.text}." for one in carry_over(run.results)),
        _synthetic(synthetic, len(run.results)),
        *_virtual(run),
        *_profiles(cells),
    ]
    return Summary(planned, {name: counts[name] for name in _ORDER}, synthetic, tuple(sentences))


def _counts(planned: int, counts: Counter[str], run: Run) -> str:
    devices = len({result.trial.device for result in run.results} | {trial.device for trial in run.manifest.trials})
    words = {"ok": "ok", "failed": "failed", "invalid": "invalid", "skipped": "skipped", "pending": "never ran"}
    parts = [f"{counts[name]} {words[name]}" for name in _ORDER if counts[name]]
    what = f"{number_of(planned, 'process', 'processes')} on {number_of(devices, 'device')}"
    if counts["ok"] == planned and planned:
        return f"{what}: every one is ok."
    return f"{what}: {', '.join(parts) or 'nothing was planned'}."


def _causes(run: Run) -> list[str]:
    causes = Counter(cause.value for result in run.results if result.status.value != "ok" for cause in result.causes)
    if not causes:
        return []
    listed = ", ".join(f"{name} ({count})" for name, count in sorted(causes.items(), key=lambda c: (-c[1], c[0]))[:5])
    return [f"Causes: {listed}{', and others' if len(causes) > 5 else ''}."]


def _waiting(run: Run) -> list[str]:
    """Name the waits for devices to be fit to measure, and the trials repeated because of heat."""
    waited_s = [result.conditions.waited_s for result in run.results if result.conditions.waited_s]
    repeated = sum(result.conditions.repeats > 0 for result in run.results)
    words = []
    if waited_s:
        processes = number_of(len(waited_s), "process", "processes")
        words.append(f"{processes} waited {sum(waited_s):.0f} s in all until the device was fit to measure.")
    if repeated:
        words.append(f"{number_of(repeated, 'process was', 'processes were')} repeated because heat spoiled the first.")
    return words


def _disturbed(run: Run) -> list[str]:
    """Name the processes beside which files were pushed."""
    beside = sum(bool(one.conditions.pushed_beside) for one in run.results)
    if not beside:
        return []
    processes = number_of(beside, "process", "processes")
    return [f"{processes} ran while a model was pushed to the device (push: eager), which may have slowed them."]


def _synthetic(synthetic: int, results: int) -> str:
    if not synthetic:
        return "No result is synthetic: every latency, op time and memory figure was measured in a process that ran."
    share = "Every result is" if synthetic == results else f"{synthetic} of {results} results are"
    return f"{share} synthetic: replayed or produced by a model, not measured. They are marked wherever they appear."


def _virtual(run: Run) -> list[str]:
    virtual = sum(device.virtual for device in run.manifest.devices)
    if not virtual:
        return []
    of = f"{virtual} of {number_of(len(run.manifest.devices), 'device')}"
    return [
        f"{of} {'is' if virtual == 1 else 'are'} virtual: the inference is real and ran on cores of the host that started this run; "
        "temperatures and clocks come from a model of the device and are marked as simulated."
    ]


def _profiles(cells: tuple[ReportCell, ...]) -> list[str]:
    profiled = sum(bool(cell.profiled()) for cell in cells)
    if not profiled:
        return []
    cells_word = number_of(len(cells), "cell")
    return [f"{profiled} of {cells_word} {'has' if profiled == 1 else 'have'} a per-op profile.", *_overhead(cells)]


def _overhead(cells: tuple[ReportCell, ...]) -> list[str]:
    """Name the cost of profiling: the profiled processes' own average against the latency, cell by cell."""
    costs = [cell.profiling_overhead for cell in cells if not cell.synthetic]
    known = [cost for cost in costs if cost is not None]
    if not known:
        return []
    span = (
        f", from {min(known):+.1%} to {max(known):+.1%} over {number_of(len(known), 'cell')}" if len(known) > 1 else ""
    )
    return [
        f"Profiling changed the average latency by {median(known):+.1%}{' (median)' if span else ''}{span}: "
        "latencies come from processes that do not profile."
    ]
