"""A run as rows of the history's tables. Pure: reads no file, knows no database.

A number that a database does not take becomes unknown: infinity, NaN, and an integer beyond the column's size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.analysis.metrics import peak_memory_mb
from harness.analysis.op_profile import costs_per_inference
from harness.history.column_types import storable
from harness.history.night_estimates import Estimated
from harness.records import Result
from harness.records.op_table import OpTable
from harness.runs.run_store import Manifest

Row = dict[str, Any]
OpValues = tuple[int, int, str, str, float | None, int | None]
"""Values of an op's row: trial, position, type, name, cost, calls."""

_INT32 = 2**31


def unstorable(manifest: Manifest, results: Iterable[Result]) -> str | None:
    """Name the first value of a run that no database can store; None if there is none."""
    for what, began, numbers in (
        ("the run", manifest.started_at, ()),
        *(
            (f"trial {one.trial.trial_id}", one.started_at, (one.trial.threads, one.trial.process, one.trial.block))
            for one in results
        ),
    ):
        if began.tzinfo is None:
            return f"{what} began at {began}, without a time zone"
        try:
            began.astimezone(UTC)
        except OverflowError:
            return f"{what} began at {began}, which is out of range in UTC"
        if any(_integer(number) is None for number in numbers):
            return f"{what} has a number beyond 32 bits"
    return None


def run_row(manifest: Manifest, *, path: Path, digest: str, results: int, finished: bool, added_at: datetime) -> Row:
    """Return the row of a run.

    Args:
        manifest: its manifest.
        path: its folder.
        digest: hash of the files that its rows come from.
        results: number of its results.
        finished: whether all trials ran.
        added_at: now.
    """
    return {
        "run_id": manifest.run_id,
        "suite": manifest.suite,
        "path": str(path),
        "started_at": manifest.started_at,
        "harness_version": manifest.harness_version,
        "host": dict(manifest.host),
        "finished": finished,
        "results": results,
        "digest": digest,
        "added_at": added_at,
    }


def device_rows(manifest: Manifest, run: int) -> list[Row]:
    """Return a row for each device of a run with the database's number `run`."""
    by_serial = {device.serial: device for device in manifest.devices}
    return [
        {
            "run": run,
            "serial": device.serial,
            "model": device.model,
            "android": device.android,
            "fingerprint": device.fingerprint,
            "config": device.config,
            "virtual": device.virtual,
        }
        for device in by_serial.values()
    ]


def trial_row(result: Result, run: int) -> Row:
    """Return the row of a finished trial."""
    trial, conditions, measurement = result.trial, result.conditions, result.measurement
    runs = measurement.runs if measurement else None
    return {
        "run": run,
        "trial_id": trial.trial_id,
        "device": trial.device,
        "model": trial.model.name,
        "variant": trial.model.variant or "",
        "delegate": trial.delegate.label,
        "threads": trial.threads,
        "cpus": trial.cpus.label,
        "start": trial.start,
        "binary": trial.binary or "",
        "purpose": str(trial.purpose),
        "process": trial.process,
        "block": trial.block,
        "status": str(result.status),
        "causes": ",".join(result.causes),
        "synthetic": result.synthetic,
        "started_at": result.started_at,
        "model_sha256": trial.model.sha256,
        "binary_sha256": result.artifact_sha256,
        "inference_avg_us": _number(measurement.inference_avg_us) if measurement else None,
        "median_us": _number(runs.median) if runs else None,
        "p5_us": _number(runs.p5) if runs else None,
        "p95_us": _number(runs.p95) if runs else None,
        "init_us": _number(measurement.init_us) if measurement else None,
        "first_inference_us": _number(measurement.first_inference_us) if measurement else None,
        "peak_memory_mb": _number(peak_memory_mb(measurement)) if measurement else None,
        "memory_mb": _number(measurement.memory.overall_delta_mb) if measurement else None,
        "temperature_before_c": _number(conditions.temperature_before_c),
        "thermal_status_after": _integer(conditions.thermal_status_after),
        "frequency_khz": _integer(conditions.frequency_khz),
    }


def op_values(results: Iterable[Result], trials: Mapping[str, int]) -> Iterator[OpValues]:
    """Yield the rows of all ops, with texts in their stored form.

    Args:
        results: results with ops or without.
        trials: the database's number of each trial, by its id.
    """
    for result in results:
        measurement = result.measurement
        if measurement is None or not measurement.ops:
            continue
        ops = measurement.ops
        table = ops if isinstance(ops, OpTable) else OpTable.of(ops)
        trial = trials[result.trial.trial_id]
        names, costs = table.names, costs_per_inference(measurement, table)
        for position, (kind, name, cost, calls) in enumerate(
            zip(names.node_type, names.name, costs, table.times_called, strict=True)
        ):
            yield trial, position, storable(kind), storable(name), _number(cost), _integer(calls)


def op_count(results: Iterable[Result]) -> int:
    """Return the number of rows that `op_values` yields."""
    return sum(len(result.measurement.ops) for result in results if result.measurement and result.measurement.ops)


def series_row(one: Estimated) -> Row:
    """Return what identifies an estimate's series."""
    key = one.key
    return {
        "device": key.device,
        "model": key.model,
        "variant": key.variant,
        "delegate": key.delegate,
        "threads": key.threads,
        "cpus": key.cpus,
        "start": key.start,
        "binary": key.binary,
        "metric": key.metric,
    }


def estimate_row(one: Estimated, *, series: int, run: int) -> Row:
    """Return the row of an estimate; `series` and `run` are the database's numbers."""
    return {
        "series": series,
        "run": run,
        "value": one.value,
        "processes": one.processes,
        "spread": _number(one.spread),
        "ci_low": _number(one.ci_low),
        "ci_high": _number(one.ci_high),
        "model_sha256": one.model_sha256,
        "binary_sha256": one.binary_sha256,
        "fingerprint": one.ground.fingerprint,
        "governor": one.ground.governor,
        "config": one.ground.config,
        "asked": one.ground.asked,
        "synthetic": one.synthetic,
        "output_differs": one.output_differs,
    }


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _integer(value: int | None) -> int | None:
    return value if value is not None and -_INT32 <= value < _INT32 else None
