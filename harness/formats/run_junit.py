"""Writes a run as JUnit XML: a suite per device, a case per cell. It passes if the exit code of `harness run` is 0.

`failure`: a process of the cell failed or is invalid, or a variant could not be converted. `error`: processes never ran: the run was
interrupted, or the device went away.
`skipped`: the cell cannot run there. If no cell can, nothing was measured, so they are `error`s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.analysis.cells import CellResults, cell_words, key_of, summary_of
from harness.analysis.comparison import Comparison
from harness.analysis.metrics import Metric
from harness.formats import comparison_words as words
from harness.formats.junit_xml import Case, Outcome, junit_document
from harness.formats.run_against_baseline import against_baseline
from harness.records import CellKey, Result, Status
from harness.runs.run_progress import unfinished_trials
from harness.runs.run_store import Run

_MOST_TAILS = 3


def run_junit(run: Run, tails: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Return the document with its XML declaration.

    Args:
        run: the run.
        tails: the last lines of failed trials' logs, by trial and kind of log.
    """
    results: dict[CellKey, list[Result]] = {}
    for result in run.results:
        results.setdefault(key_of(result.trial), []).append(result)
    left = Counter(key_of(trial) for trial in unfinished_trials(run))
    compared, memory = (
        {one.key: one for one in against_baseline(run, metric).comparisons}
        for metric in (Metric.INFERENCE_AVG, Metric.PEAK_MEMORY)
    )
    nothing = not any(result.status is Status.OK for result in run.results)
    suites: dict[str, list[Case]] = {}
    for key in sorted({*results, *left}):
        mine = results.get(key, [])
        case = Case(
            name=cell_words(key),
            classname=key.model_label,
            outcome=_outcome(mine, left[key], nothing_measured=nothing),
            out=_numbers(key, mine, compared.get(key), memory.get(key)),
            err=_troubles(mine, tails or {}),
            seconds=sum(result.duration_s for result in mine),
        )
        suites.setdefault(key.device, []).append(case)
    if failed := [one for one in run.manifest.conversions if one.status == "failed"]:
        suites["conversions"] = [
            Case(
                name=f"{one.source} to {one.variant}",
                classname=one.source,
                outcome=Outcome(kind="failure", type="conversion", message=one.message or "the converter said nothing"),
            )
            for one in failed
        ]
    return junit_document(f"harness run {run.manifest.suite} {run.manifest.run_id}", suites)


def _outcome(results: Sequence[Result], left: int, *, nothing_measured: bool) -> Outcome | None:
    planned = len(results) + left
    bad = [result for result in results if result.status in (Status.FAILED, Status.INVALID)]
    if bad:
        causes = Counter(str(cause) for result in bad for cause in result.causes)
        message = f"{len(bad)} of {planned} processes are not ok: {', '.join(c for c, _ in causes.most_common()) or 'no cause said'}"
        said = next((result.message for result in bad if result.message), None)
        kind = next(iter(causes.most_common(1)), (str(bad[0].status), 0))[0]
        return Outcome(kind="failure", type=kind, message=f"{message}: {said}" if said else message)
    if left:
        return Outcome(kind="error", type="never_ran", message=f"{left} of {planned} processes never ran")
    if all(result.status is Status.SKIPPED for result in results):
        said = next((result.message for result in results if result.message), None) or "it cannot run there"
        kind = next((str(cause) for result in results for cause in result.causes), "skipped")
        return Outcome(kind="error" if nothing_measured else "skipped", type=kind, message=said)
    return None


def _numbers(key: CellKey, results: Sequence[Result], compared: Comparison | None, memory: Comparison | None) -> str:
    cell = summary_of(CellResults(key=key, mask="", results=tuple(results)))
    lines = []
    if cell.median_us is not None:
        spread = f", spread {cell.spread:.1%}" if cell.spread is not None else ""
        lines.append(f"average latency: {words.value(cell.median_us, 'us')} (n={len(cell.values_us)}{spread})")
    if compared is not None and words.has_ratio(compared):
        lines.append(f"ratio to the baseline {words.ratio_of(compared)}: {words.verdict(compared)}")
    if cell.peak_memory_mb is not None:
        lines.append(f"peak memory: {words.value(cell.peak_memory_mb, 'mb')} (n={len(cell.peaks_mb)})")
        if memory is not None and words.has_ratio(memory):
            lines.append(f"ratio to the baseline {words.ratio_of(memory)}: {words.verdict(memory)}")
    lines += ["synthetic: replayed or modelled, not measured"] if cell.synthetic else []
    return "\n".join(lines)


def _troubles(results: Sequence[Result], tails: Mapping[str, Mapping[str, str]]) -> str:
    """Return the message of each process that is not ok, and the last lines of the first ones' logs."""
    lines: list[str] = []
    for result in results:
        if result.status not in (Status.FAILED, Status.INVALID):
            continue
        trial = result.trial
        causes = ", ".join(str(cause) for cause in result.causes)
        lines.append(f"{trial.purpose} {trial.process} {result.status}: {causes}: {result.message or 'no message'}")
    shown = [(one, tails[one]) for result in results if (one := result.trial.trial_id) in tails][:_MOST_TAILS]
    for trial_id, logs in shown:
        lines += [f"--- last lines of {kind} of {trial_id}\n{text}" for kind, text in logs.items()]
    return "\n".join(lines)
