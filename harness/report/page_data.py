"""Packs cells and processes for the report's scripts. Pure. Ops: `op_tables.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from harness.analysis.cells import KEYS
from harness.analysis.centre import Spread
from harness.analysis.metrics import Metric, shown
from harness.records import DelegateUse, DeviceInfo, Purpose, Result, Sample, Scalar, Status
from harness.report.cell_summaries import ReportCell
from harness.report.comparison_data import comparison_data
from harness.report.embed import Json, log_href, rounded
from harness.report.log_tails import log_tails
from harness.report.verdicts import Verdicts
from harness.runs.run_folder import logs_pruned
from harness.runs.run_store import Run

_MOST_SAMPLES = 8


def report_data(devices: Iterable[DeviceInfo], cells: tuple[ReportCell, ...], verdicts: Verdicts) -> Json:
    """Return the data that the page needs to start; `reports/js/model.js` reads its keys."""
    values: dict[str, list[Scalar]] = {
        name: list(dict.fromkeys(getattr(cell.key, name) for cell in cells)) for name in KEYS
    }
    return {
        "dimensions": values,
        "virtual": sorted({device.serial for device in devices if device.virtual}),
        "baseline": {"id": verdicts.baseline.id, "origin": verdicts.baseline.origin},
        "cells": [_cell(cell, values) for cell in cells],
        "comparisons": comparison_data(verdicts, cells),
    }


def trial_data(run: Run, cells: Mapping[int, ReportCell], *, log_prefix: str) -> list[Json]:
    """Return all processes. The page reads them when it first shows one.

    Args:
        run: the run.
        cells: the run's cells, by their places among the cells of the page.
        log_prefix: prefix for the paths of raw logs.
    """
    tails = log_tails(run.path, (result for cell in cells.values() for result in cell.results))
    pruned = logs_pruned(run.path)
    return [
        _trial(run, index, result, log_prefix, pruned=pruned)
        | ({"tails": tails[result.trial.trial_id]} if result.trial.trial_id in tails else {})
        for index, cell in cells.items()
        for result in cell.results
    ]


def _cell(cell: ReportCell, values: Mapping[str, list[Scalar]]) -> Json:
    return {
        "id": cell.id,
        **({"side": cell.side} if cell.side else {}),
        "key": [values[name].index(getattr(cell.key, name)) for name in KEYS],
        "mask": cell.cpus.hex,
        "state": cell.state,
        "outcomes": dict(cell.outcomes(Purpose.LATENCY)),
        "latency": _spread(cell.latency),
        # Each process that may be shown: those that count, and invalid ones that ran as asked.
        "ok": _latencies(cell, Status.OK),
        "off": _latencies(cell, Status.INVALID),
        "profiled": bool(cell.profiled()),
        "init": _spread(cell.init_us),
        "first": _spread(cell.first_inference_us),
        "causes": list(cell.causes),
        "synthetic": cell.synthetic,
        "differs": cell.summary.output_differs,
        "delegates": [delegate_words(use) for use in cell.delegates],
        "memory": {
            "source": cell.memory_purpose.value if cell.memory_purpose else None,
            "init": _spread(cell.memory("init")),
            "overall": _spread(cell.memory("overall")),
            "peak": _spread(cell.memory("peak")),
        },
    }


def _trial(run: Run, cell: int, result: Result, log_prefix: str, *, pruned: bool) -> Json:
    trial, seen = result.trial, result.conditions
    return _without_nulls(
        {
            "id": trial.trial_id,
            "cell": cell,
            "purpose": trial.purpose.value,
            "process": trial.process,
            "status": result.status.value,
            "causes": [cause.value for cause in result.causes],
            "message": result.message,
            # Only a latency: none of profiled processes, and none of failed ones, whatever they printed.
            "latency": rounded(shown(result, Metric.INFERENCE_AVG, Purpose.LATENCY)),
            "at": round((result.started_at - run.manifest.started_at).total_seconds(), 3),
            "duration": round(result.duration_s, 3),
            "samples": _samples(result),
            "before": rounded(seen.temperature_before_c, 4),
            "after": rounded(seen.temperature_after_c, 4),
            "thermal": _pair(seen.thermal_status_before, seen.thermal_status_after),
            "khz": seen.frequency_khz,
            "asked": seen.cpus_asked,
            "expected": seen.affinity_expected,
            "observed": seen.affinity_observed,
            "battery": seen.battery_percent,
            "waited": rounded(seen.waited_s, 4) or None,
            "canary": _canary(seen.canary_ratio, seen.canary_after_ratio),
            "repeats": seen.repeats or None,
            "evidence": [
                *seen.evidence,
                *(f"{file} was pushed to the device beside it (push: eager)" for file in seen.pushed_beside),
            ],
            "settings": [
                [key, value, seen.settings_observed.get(key)] for key, value in sorted(seen.settings_asked.items())
            ],
            "simulated": sorted(seen.simulated),
            "synthetic": result.synthetic,
            "exit": result.exit_code,
            "attempt": result.attempt,
            "setbacks": [setback.cause.value for setback in result.setbacks],
            "notes": list(result.measurement.notes) if result.measurement else [],
            "unconsumed": list(result.measurement.unconsumed_flags) if result.measurement else [],
            "logs": {
                kind: href
                for kind, path in sorted(result.logs.items())
                if (href := log_href(log_prefix, path)) is not None and not (pruned and not (run.path / path).exists())
            },
        }
    )


def _latencies(cell: ReportCell, status: Status) -> list[float | int | None]:
    return [rounded(value) for value in cell.values(Metric.INFERENCE_AVG, status)]


def _samples(result: Result) -> list[list[float | int | None]] | None:
    """Thinned samples of a latency process: seconds since its start, degrees Celsius, median MHz of the cores asked for."""
    samples = [one for one in result.conditions.samples if one.temperature_c is not None or one.frequency_khz]
    if result.trial.purpose is not Purpose.LATENCY or not samples:
        return None
    if len(samples) > _MOST_SAMPLES:
        step = (len(samples) - 1) / (_MOST_SAMPLES - 1)
        samples = [samples[round(index * step)] for index in range(_MOST_SAMPLES)]
    mask = result.trial.cpus.mask
    return [
        [round(one.t_s, 2) for one in samples],
        [rounded(one.temperature_c, 4) for one in samples],
        [_megahertz(one, mask) for one in samples],
    ]


def _megahertz(sample: Sample, mask: int) -> int | None:
    clocks = [khz for core, khz in sample.frequency_khz.items() if mask >> core & 1]
    clocks = clocks or list(sample.frequency_khz.values())
    return round(median(clocks) / 1000) if clocks else None


def delegate_words(use: DelegateUse) -> str:
    """Return `XNNPACK full, 64 of 66 nodes, 2 partitions`, as far as known."""
    words = [f"{use.name} {use.applied}"]
    if use.nodes_delegated is not None:
        words.append(f"{use.nodes_delegated} {f'of {use.nodes_total} ' if use.nodes_total is not None else ''}nodes")
    if use.partitions is not None:
        words.append(f"{use.partitions} partition{'' if use.partitions == 1 else 's'}")
    return ", ".join(words)


def _spread(value: Spread | None) -> list[float | int | None] | None:
    """Centre, smallest, largest, count; for a single process only its value."""
    if value is None:
        return None
    if value.count == 1:
        return [rounded(value.centre)]
    return [rounded(value.centre), rounded(value.low), rounded(value.high), value.count]


def _pair(before: int | None, after: int | None) -> list[int | None] | None:
    return None if before is None and after is None else [before, after]


def _canary(before: float | None, after: float | None) -> list[float | int | None] | None:
    return None if before is None and after is None else [rounded(before, 3), rounded(after, 3)]


def _without_nulls(data: Json) -> Json:
    """Drop unknown values, empty lists and `false`; the scripts assume them for absent keys."""
    return {key: one for key, one in data.items() if one is not None and one is not False and one not in ([], {})}
