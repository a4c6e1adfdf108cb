"""Writes a run as a trace in Chrome's Trace Event Format, which Perfetto, `chrome://tracing` and others open. Pure.

`run_events`: a process per device with a slice per trial, the waits before it, its setbacks, and temperature and clocks as counters.
`op_events`: a process per device, a thread per profiled cell, with one inference and its ops in the order of execution. The profiler prints
averages without times of day: a start is the sum of the ops before, and slices are medians over all processes, not one inference.

Times are whole nanoseconds, written as microseconds with three decimals, so that touching slices do not overlap.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import IO, Any

from harness.analysis.cells import CellResults, cell_words
from harness.analysis.op_placement import on_delegate
from harness.analysis.op_profile import OpProfile, OpRow, profile_of
from harness.records import DeviceInfo, Result, Sample
from harness.runs.run_store import Run

TraceEvent = dict[str, Any]

_TRIALS, _WAITS, _SETBACKS = 1, 2, 3
_THREADS = {_TRIALS: "trials", _WAITS: "waiting for the device", _SETBACKS: "setbacks"}

NOTES_RUN = (
    "ts counts from otherData.began. A slice is a trial from its first command to its last, so the process is shorter: args.process_s.",
    "Slices that would overlap by the wall's clock stand behind one another: args.moved_by_s. Trials that never ran are instants.",
    "Counters of the samples during a trial are placed as if the process began with the slice. On virtual devices temperatures and "
    "clocks come out of a model and are marked simulated.",
)
NOTES_OPS = (
    "Derived, not observed: ops follow one another in the order of execution, each as long as its median over the profiled processes. "
    "The profiler prints no starts that could be trusted across its versions.",
)


def write_trace(
    events: Iterable[TraceEvent], out: IO[str], *, notes: Sequence[str], began: datetime | None = None
) -> None:
    """Write events as one JSON document, one event a line, with notes for the reader.

    `began` is the moment from which `ts` counts, if there is one.
    """
    out.write('{"traceEvents":[')
    separator = "\n"
    for event in events:
        out.write(separator + json.dumps(event, ensure_ascii=False, allow_nan=False))
        separator = ",\n"
    other: Mapping[str, object] = {"began": began.isoformat() if began else None, "notes": list(notes)}
    out.write('\n],\n"displayTimeUnit":"ms",\n"otherData":' + json.dumps(other, ensure_ascii=False) + "}\n")


def began_of(runs: Iterable[Run]) -> datetime | None:
    """Return when the first trial began, including the wait before it; None without a trial."""
    return min((_began(result) for run in runs for result in run.results), default=None)


def run_events(runs: Sequence[Run]) -> Iterator[TraceEvent]:
    """Yield events of the trials of some runs, on one time axis."""
    began = began_of(runs)
    pid = 0
    for run in runs:
        devices = {device.serial: device for device in run.manifest.devices}
        by_device: dict[str, list[Result]] = {}
        for result in run.results:
            by_device.setdefault(result.trial.device, []).append(result)
        for serial, results in by_device.items():
            pid += 1
            assert began is not None  # noqa: S101
            name = f"{_device_name(serial, devices.get(serial))}, {run.manifest.run_id}"
            yield from names_of(pid, name, _THREADS)
            yield from _device_events(pid, sorted(results, key=lambda one: one.started_at), began)


def op_events(runs: Sequence[tuple[Run, Sequence[CellResults]]]) -> Iterator[TraceEvent]:
    """Yield events of one inference of each profiled cell, all beginning at 0."""
    pid = 0
    for run, cells in runs:
        devices = {device.serial: device for device in run.manifest.devices}
        ordered = sorted(cells, key=lambda one: one.key)  # the order of running is random
        profiled = [(cell, profile) for cell in ordered if (profile := profile_of(cell.results)) is not None]
        for serial in dict.fromkeys(cell.key.device for cell, _ in profiled):
            pid += 1
            mine = [(cell, profile) for cell, profile in profiled if cell.key.device == serial]
            name = f"{_device_name(serial, devices.get(serial))}, {run.manifest.run_id}"
            threads = {tid: cell_words(cell.key, device=False) for tid, (cell, _) in enumerate(mine, 1)}
            yield from names_of(pid, name, threads)
            for tid, (cell, profile) in enumerate(mine, 1):
                yield from _inference(pid, tid, cell, profile)


def _device_events(pid: int, results: Sequence[Result], began: datetime) -> Iterator[TraceEvent]:
    free = 0  # end of the previous trial, in nanoseconds
    for result in results:
        began_at = _ns(result.started_at - began)
        # Starts come from the wall clock (of recorded logs: their files' times), lengths do not. Slices must not overlap.
        start = max(free, began_at)
        end = start + round(result.duration_s * 1e9)
        waited = result.conditions.waited_s
        if waited and (since := max(free, start - round(waited * 1e9))) < start:
            yield slice_event(pid, _WAITS, "waiting", since, start, {"waited_s": waited, "for": _trial_name(result)})
        args = _trial_args(result) | ({"moved_by_s": (start - began_at) / 1e9} if start > began_at else {})
        if end > start:
            yield slice_event(pid, _TRIALS, _trial_name(result), start, end, args, str(result.status))
        else:  # never ran
            yield _instant(pid, _TRIALS, _trial_name(result), start, args, str(result.status))
        free = end
        for setback in result.setbacks:
            told = {"message": setback.message, "trial": _trial_name(result)}
            yield _instant(pid, _SETBACKS, str(setback.cause), max(0, _ns(setback.at - began)), told)
        yield from _counters(pid, result, start, end)


def _counters(pid: int, result: Result, start: int, end: int) -> Iterator[TraceEvent]:
    seen = result.conditions
    temperature = "temperature C" + (" (simulated)" if "temperature_before_c" in seen.simulated else "")
    clock = "clock MHz cpu{}" + (" (simulated)" if "frequency_khz" in seen.simulated else "")
    readings = [(start, temperature, seen.temperature_before_c), (end, temperature, seen.temperature_after_c)]
    for sample in seen.samples:
        readings += _sampled(sample, start, end, temperature, clock)
    for at, name, value in sorted((at, name, value) for at, name, value in readings if value is not None):
        if math.isfinite(value):
            yield {"ph": "C", "pid": pid, "tid": 0, "ts": at / 1000, "name": name, "args": {"value": value}}


def _sampled(sample: Sample, start: int, end: int, temperature: str, clock: str) -> list[tuple[int, str, float | None]]:
    at = min(end, start + max(0, round(sample.t_s * 1e9)))
    clocks = [(at, clock.format(cpu), khz / 1000) for cpu, khz in sample.frequency_khz.items()]
    return [(at, temperature, sample.temperature_c), *clocks]


def _trial_name(result: Result) -> str:
    trial = result.trial
    binary = f" {trial.binary}" if trial.binary else ""
    return f"{trial.model.label} {trial.delegate_label} {trial.threads} thr {trial.cpus.label}{binary}, {trial.purpose} {trial.process}"


def _trial_args(result: Result) -> dict[str, object]:
    trial, seen, conditions = result.trial, result.measurement, result.conditions
    args: dict[str, object] = {
        "trial_id": trial.trial_id,
        "status": str(result.status),
        "causes": ", ".join(map(str, result.causes)) or None,
        "message": result.message,
        "model_asked": trial.model.asked or None,
        "cpus": trial.cpus.hex or None,
        "block": trial.block,
        "attempt": result.attempt or None,
        "repeats": conditions.repeats or None,
        "duration_s": result.duration_s,
        "process_s": conditions.process_s,
        "device_s": result.device_s,
        "inference_avg_us": seen.inference_avg_us if seen else None,
        "init_us": seen.init_us if seen else None,
        "first_inference_us": seen.first_inference_us if seen else None,
        "temperature_before_c": conditions.temperature_before_c,
        "temperature_after_c": conditions.temperature_after_c,
        "frequency_khz": conditions.frequency_khz,
        "affinity_observed": conditions.affinity_observed,
        "settings_observed": ", ".join(f"{k}={v}" for k, v in sorted(conditions.settings_observed.items())) or None,
        "canary_us": conditions.canary_us,
        "canary_after_us": conditions.canary_after_us,
        "synthetic": True if result.synthetic else None,
        "simulated": ", ".join(conditions.simulated) or None,
    }
    return known(args)


def _began(result: Result) -> datetime:
    return result.started_at - timedelta(seconds=result.conditions.waited_s or 0)


def _inference(pid: int, tid: int, cell: CellResults, profile: OpProfile) -> Iterator[TraceEvent]:
    # At least a nanosecond, since viewers draw an empty slice inside the next one.
    costs = [max(1, round(row.cost_us * 1000)) for row in profile.rows]
    whole = max(round(profile.whole_us * 1000), sum(costs))
    args = {
        "average_us": profile.whole_us,
        "ops_us": math.fsum(row.cost_us for row in profile.rows),
        "ops": len(costs),
        "profiled_processes": profile.processes,
        "synthetic": True if any(result.synthetic for result in cell.results) else None,
        "starts": "derived from the order of execution",
    }
    yield slice_event(pid, tid, "inference", 0, whole, known(args))
    at, part = 0, 0
    numbered = zip(profile.rows, costs, strict=True)
    for placed, group in groupby(numbered, key=lambda one: on_delegate(one[0].node_type, one[0].name)):
        rows = list(group)
        if placed:
            part += 1
            spent = sum(cost for _, cost in rows)
            yield slice_event(pid, tid, f"delegate, part {part}", at, at + spent, {"ops": len(rows)})
        for row, cost in rows:
            yield slice_event(pid, tid, row.node_type, at, at + cost, _op_args(row, placed, profile.whole_us))
            at += cost
    if whole > at:
        yield slice_event(pid, tid, "outside all ops", at, whole, {})


def _op_args(row: OpRow, placed: bool | None, whole_us: float) -> dict[str, object]:
    return known(
        {
            "index": row.index,
            "name": row.name,
            "us": row.cost_us,
            "share": row.cost_us / whole_us if whole_us else None,
            "least_us": min(row.costs_us) if len(row.costs_us) > 1 else None,
            "most_us": max(row.costs_us) if len(row.costs_us) > 1 else None,
            "on_delegate": placed,
        }
    )


def _device_name(serial: str, info: DeviceInfo | None) -> str:
    return f"{serial} ({info.model})" if info is not None and info.model else serial


def names_of(pid: int, process: str, threads: Mapping[int, str]) -> Iterator[TraceEvent]:
    """Yield the events that name a process and its threads."""
    yield {"ph": "M", "pid": pid, "tid": 0, "name": "process_name", "args": {"name": process}}
    for tid, name in threads.items():
        yield {"ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": {"name": name}}


def slice_event(
    pid: int, tid: int, name: str, start: int, end: int, args: Mapping[str, object], category: str = "harness"
) -> TraceEvent:
    """Return a slice of a thread; `start` and `end` are in nanoseconds."""
    times = {"ts": start / 1000, "dur": (end - start) / 1000}
    return {"ph": "X", "pid": pid, "tid": tid, **times, "name": name, "cat": category, "args": dict(args)}


def _instant(
    pid: int, tid: int, name: str, at: int, args: Mapping[str, object], category: str = "harness"
) -> TraceEvent:
    return {
        **{"ph": "i", "s": "t", "pid": pid, "tid": tid, "ts": at / 1000, "name": name, "cat": category},
        "args": args,
    }


def known(args: Mapping[str, object]) -> dict[str, object]:
    """Drop unknown values: viewers would show null as a value."""
    return {
        name: value
        for name, value in args.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    }


def _ns(span: timedelta) -> int:
    return (span.days * 86_400_000_000 + span.seconds * 1_000_000 + span.microseconds) * 1000
