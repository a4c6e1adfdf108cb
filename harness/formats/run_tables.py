"""Writes runs as flat tables in CSV, JSON or Parquet: one row per trial, or one per op of each profiled trial.

The columns and their order are a promise to users' scripts. An unknown value is null (an empty cell in CSV), never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import IO, Literal

from harness.analysis.metrics import peak_memory_mb
from harness.files.flat_table import Column, TableValue, columns, plain, write_csv, write_json
from harness.files.parquet_file import rows_of, write_parquet, write_parquet_blocks
from harness.formats.op_columns import of_source, op_blocks
from harness.records import Artifact, DeviceInfo, Measurement, Result
from harness.records.accuracy import AccuracyFigures, OutputDistance
from harness.runs.run_store import Run

TableName = Literal["trials", "ops"]

TRIAL_COLUMNS = columns(
    "run_id:t trial_id:t suite:t device:t device_model:t soc:t android:t abi:t model:t model_sha256:t delegate:t threads:i cpus:t "
    "purpose:t process:i status:t causes:t init_us:n first_inference_us:n warmup_avg_us:n inference_avg_us:n median_us:n min_us:n "
    "max_us:n std_us:n run_count:i peak_memory_mb:n temperature_before_c:n temperature_after_c:n frequency_khz:i affinity_observed:t "
    "delegated_nodes:i total_nodes:i started_at:t duration_s:n synthetic:f binary:t start:t model_asked:t "
    "variant:t source:t source_sha256:t model_size_bytes:i "
    "output_max_abs:n output_max_rel:n output_snr_db:n output_cosine:n output_argmax:n output_nan:i "
    "reference_max_abs:n reference_max_rel:n reference_snr_db:n reference_cosine:n reference_argmax:n reference_nan:i "
    "reference_variant:t accuracy_samples:i accuracy_inputs:t task_metric:t task_value:n"
)
"""Columns of `trials`. `cpus` is the mask in bare hex; `causes` are joined by commas; `started_at` is UTC in ISO 8601. `binary` is the name
of the benchmark binary in a run that compares several, else null. `start` is the start state: `warm`, `cold` or `cached`. `model_asked` is
the model's signature and inputs in the suite; null if there are none. `variant` to `model_size_bytes` are null for a model that was
not converted from a source. `output_...` is the distance of an accuracy trial's worst output from the host's built-in kernels on the same
file, `reference_...` that from the reference variant (`OutputDistance`); null for other purposes. An `..._snr_db` without noise is null."""

OP_COLUMNS = columns(
    "run_id:t trial_id:t device:t model:t delegate:t threads:i cpus:t op_index:i node_type:t name:t avg_us:n percent:n "
    "times_called:i on_delegate:f synthetic:f binary:t start:t cost_us:n model_asked:t variant:t source:t "
    "source_sha256:t model_size_bytes:i"
)
"""Columns of `ops`. `avg_us` is per call and `times_called` as printed, which is not always per inference (`Measurement.op_cost_us`);
`cost_us` is the cost per inference."""

COLUMNS: dict[TableName, tuple[Column, ...]] = {"trials": TRIAL_COLUMNS, "ops": OP_COLUMNS}


def rows(runs: Iterable[Run], table: TableName) -> Iterator[tuple[TableValue, ...]]:
    """Yield the rows of a table over several runs, with cells in the order of `COLUMNS[table]`."""
    if table == "ops":
        return chain.from_iterable(map(rows_of, op_blocks(runs)))
    return plain(row for run in runs for row in _trial_rows(run))


def to_text(runs: Iterable[Run], table: TableName, file_format: str, out: IO[str]) -> None:
    """Write a table of runs as `csv` or as `json`, a list of objects, one a line."""
    {"csv": write_csv, "json": write_json}[file_format](COLUMNS[table], rows(runs, table), out)


def to_parquet(runs: Sequence[Run], table: TableName, out: IO[bytes]) -> None:
    """Write a table of runs as Parquet."""
    if table == "ops":
        write_parquet_blocks(OP_COLUMNS, op_blocks(runs), out)
    else:
        write_parquet(COLUMNS[table], rows(runs, table), out)


def iso_utc(moment: datetime) -> str:
    """Return a moment as UTC in ISO 8601 with `Z`. One without a zone is UTC already, as the store writes it."""
    zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return zoned.isoformat().replace("+00:00", "Z")


def delegated_nodes(measurement: Measurement | None, delegate: str) -> tuple[int | None, int | None]:
    """Return the number of nodes that the requested delegate took, and of all nodes.

    An external delegate has its own name in the runtime's messages (`external` is requested, `QNN` printed): if exactly one other delegate
    is there, it is the one.
    """
    uses = measurement.delegates if measurement else ()
    mine = [use for use in uses if use.name.upper() == delegate.upper()]
    if delegate == "external" and all(use.nodes_delegated is None for use in mine):
        # XNNPACK applies itself to nodes that another delegate leaves, so it is never the external one.
        others = [use for use in uses if use.name != "XNNPACK" and use not in mine]
        mine = others if len(others) == 1 else []
    taken = [use.nodes_delegated for use in mine if use.nodes_delegated is not None]
    total = [use.nodes_total for use in mine if use.nodes_total is not None]
    return (sum(taken) if taken else None), (sum(total) if total else None)


def _trial_rows(run: Run) -> Iterator[tuple[TableValue, ...]]:
    devices = {device.serial: device for device in run.manifest.devices}
    artifacts = {artifact.sha256: artifact for artifact in run.manifest.artifacts}
    for result in run.results:
        yield _trial_row(run, result, devices.get(result.trial.device), artifacts.get(result.artifact_sha256 or ""))


def _trial_row(
    run: Run, result: Result, device: DeviceInfo | None, artifact: Artifact | None
) -> tuple[TableValue, ...]:
    trial, seen, conditions = result.trial, result.measurement, result.conditions
    runs = seen.runs if seen else None
    taken, total = delegated_nodes(seen, trial.delegate.name)
    return (
        run.manifest.run_id,
        trial.trial_id,
        run.manifest.suite,
        trial.device,
        device.model if device else None,
        device.soc if device else None,
        device.android if device else None,
        artifact.abi if artifact else None,
        trial.model.name,
        trial.model.sha256,
        trial.delegate.label,
        trial.threads,
        trial.cpus.hex,
        trial.purpose.value,
        trial.process,
        result.status.value,
        ",".join(cause.value for cause in result.causes),
        seen.init_us if seen else None,
        seen.first_inference_us if seen else None,
        seen.warmup_avg_us if seen else None,
        seen.inference_avg_us if seen else None,
        runs.median if runs else None,
        runs.min if runs else None,
        runs.max if runs else None,
        runs.std if runs else None,
        runs.count if runs else None,
        peak_memory_mb(seen) if seen else None,
        conditions.temperature_before_c,
        conditions.temperature_after_c,
        conditions.frequency_khz,
        conditions.affinity_observed,
        taken,
        total,
        iso_utc(result.started_at),
        result.duration_s,
        result.synthetic,
        trial.binary,
        trial.start,
        trial.model.asked or None,
        *of_source(trial.model),
        *_accuracy(result.accuracy),
    )


def _accuracy(found: AccuracyFigures | None) -> tuple[TableValue, ...]:
    if found is None:
        return (None,) * 17
    return (
        *_distance(found.output),
        *_distance(found.reference),
        found.reference_variant,
        found.samples,
        found.inputs,
        found.task_metric,
        found.task_value,
    )


def _distance(one: OutputDistance | None) -> tuple[TableValue, ...]:
    return (None,) * 6 if one is None else (one.max_abs, one.max_rel, one.snr_db, one.cosine, one.argmax, one.nan)
