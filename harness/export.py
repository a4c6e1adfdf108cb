"""A run as flat tables: one row per trial, one row per op of a profiled trial. Written as CSV, JSON or Parquet.

The columns and their order are a promise to users' scripts. What the output did not say is null (an empty cell in CSV), never 0.

Text that strangers wrote (model and device names, op names) is exact in JSON and Parquet. In CSV a text cell that a spreadsheet would
take for a formula (it begins with `=`, `+`, `-`, `@`, a tab or a carriage return) gets an apostrophe in front, the spreadsheet's own mark
for "this is text": CSV files get opened by double click, and an op name must not become a command. Number columns are never touched.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, Literal

from harness.errors import UsageError
from harness.placement import on_delegate
from harness.records import Artifact, DeviceInfo, Measurement, OpTiming, Result
from harness.store import Run

if TYPE_CHECKING:
    import pyarrow as pa

TableName = Literal["trials", "ops"]
Format = Literal["csv", "json", "parquet"]
Cell = str | int | float | bool | None
Kind = Literal["text", "integer", "number", "flag"]

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_PARQUET_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an exported table: its name and what its cells are."""

    name: str
    kind: Kind


def _columns(text: str) -> tuple[Column, ...]:
    kinds: dict[str, Kind] = {"t": "text", "i": "integer", "n": "number", "f": "flag"}
    return tuple(Column(name, kinds[kind]) for name, kind in (word.split(":") for word in text.split()))


TRIAL_COLUMNS = _columns(
    "run_id:t trial_id:t suite:t device:t device_model:t soc:t android:t abi:t model:t model_sha256:t delegate:t threads:i cpus:t "
    "purpose:t process:i status:t causes:t init_us:n first_inference_us:n warmup_avg_us:n inference_avg_us:n median_us:n min_us:n "
    "max_us:n std_us:n run_count:i peak_memory_mb:n temperature_before_c:n temperature_after_c:n frequency_khz:i affinity_observed:t "
    "delegated_nodes:i total_nodes:i started_at:t duration_s:n synthetic:f binary:t start:t"
)
"""Columns of `trials`. `cpus` is the mask in bare hex; `causes` are joined by commas; `started_at` is UTC in ISO 8601. `binary` is the name
of the benchmark binary in a run that compares several; null in others. `start` is what the process found: `warm`, `cold` or `cached`."""

OP_COLUMNS = _columns(
    "run_id:t trial_id:t device:t model:t delegate:t threads:i cpus:t op_index:i node_type:t name:t avg_us:n percent:n "
    "times_called:i on_delegate:f synthetic:f binary:t start:t"
)
"""Columns of `ops`. `avg_us` is per call: the cost per inference is `avg_us * times_called`."""

COLUMNS: dict[TableName, tuple[Column, ...]] = {"trials": TRIAL_COLUMNS, "ops": OP_COLUMNS}


def rows(runs: Iterable[Run], table: TableName) -> Iterator[tuple[Cell, ...]]:
    """Rows of a table over several runs, one after the other, each in the order of `COLUMNS[table]`.

    A number that is none (`-nan` of a tool that divided by zero) is null. Bytes of a file name that are no text are escapes.
    """
    make = _trial_rows if table == "trials" else _op_rows
    for run in runs:
        for row in make(run):
            yield tuple(_plain(cell) for cell in row)


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if isinstance(cell, str) and not cell.isascii():
        return cell.encode("utf-8", "backslashreplace").decode("utf-8")
    return cell


def to_csv(runs: Iterable[Run], table: TableName, out: IO[str]) -> None:
    """Write CSV as RFC 4180 has it, with `\\n` line ends; null is an empty cell, flags are `true` and `false`."""
    columns = COLUMNS[table]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for row in rows(runs, table):
        writer.writerow([_csv_cell(value) for value in row])


def to_json(runs: Iterable[Run], table: TableName, out: IO[str]) -> None:
    """Write a JSON list of objects, one a line."""
    names = [column.name for column in COLUMNS[table]]
    separator = "[\n"
    for row in rows(runs, table):
        out.write(separator + json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False))
        separator = ",\n"
    out.write("\n]\n" if separator != "[\n" else "[]\n")


def to_parquet(runs: Iterable[Run], table: TableName, out: IO[bytes]) -> None:
    """Write Parquet with proper types and nulls."""
    import pyarrow.parquet as pq

    schema = _arrow_schema(table)
    with pq.ParquetWriter(out, schema) as writer:
        batch: list[tuple[Cell, ...]] = []
        for row in rows(runs, table):
            batch.append(row)
            if len(batch) == _PARQUET_BATCH:
                writer.write_batch(_arrow_batch(batch, schema))
                batch = []
        writer.write_batch(_arrow_batch(batch, schema))


TEXT_WRITERS: dict[str, Callable[[Iterable[Run], TableName, IO[str]], None]] = {"csv": to_csv, "json": to_json}


def export_text(runs: Iterable[Run], table: TableName, file_format: Literal["csv", "json"]) -> str:
    """Return the table as text."""
    out = io.StringIO(newline="")
    TEXT_WRITERS[file_format](runs, table, out)
    return out.getvalue()


def iso_utc(moment: datetime) -> str:
    """A moment as UTC in ISO 8601 with `Z`; one without a zone is taken as UTC, which is what the store writes."""
    zoned = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return zoned.isoformat().replace("+00:00", "Z")


def delegated_nodes(measurement: Measurement | None, delegate: str) -> tuple[int | None, int | None]:
    """Nodes that the delegate which was asked for took, and how many there were.

    An external delegate goes by a name of its own in the runtime's messages (`external` is asked, `QNN` is printed): where there is exactly
    one such, its nodes are meant.
    """
    uses = measurement.delegates if measurement else ()
    mine = [use for use in uses if use.name.upper() == delegate.upper()]
    if delegate == "external" and all(use.nodes_delegated is None for use in mine):
        # XNNPACK applies itself wherever another delegate leaves something, or everything: it is nobody's other name.
        others = [use for use in uses if use.name != "XNNPACK" and use not in mine]
        mine = others if len(others) == 1 else []
    taken = [use.nodes_delegated for use in mine if use.nodes_delegated is not None]
    total = [use.nodes_total for use in mine if use.nodes_total is not None]
    return (sum(taken) if taken else None), (sum(total) if total else None)


def peak_memory_mb(measurement: Measurement | None) -> float | None:
    """Peak of the process: by periodic monitoring where the tool has it, else the older tools' own line."""
    if measurement is None:
        return None
    memory = measurement.memory
    return memory.periodic_peak_mb if memory.periodic_peak_mb is not None else memory.overall_peak_mb


def _trial_rows(run: Run) -> Iterator[tuple[Cell, ...]]:
    devices = {device.serial: device for device in run.manifest.devices}
    artifacts = {artifact.sha256: artifact for artifact in run.manifest.artifacts}
    for result in run.results:
        yield _trial_row(run, result, devices.get(result.trial.device), artifacts.get(result.artifact_sha256 or ""))


def _trial_row(run: Run, result: Result, device: DeviceInfo | None, artifact: Artifact | None) -> tuple[Cell, ...]:
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
        peak_memory_mb(seen),
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
    )


def _op_rows(run: Run) -> Iterator[tuple[Cell, ...]]:
    for result in run.results:
        ops: tuple[OpTiming, ...] = (result.measurement.ops if result.measurement else None) or ()
        trial = result.trial
        for op in ops:
            yield (
                run.manifest.run_id,
                trial.trial_id,
                trial.device,
                trial.model.name,
                trial.delegate.label,
                trial.threads,
                trial.cpus.hex,
                op.index,
                op.node_type,
                op.name,
                op.avg_us,
                op.percent,
                op.times_called,
                on_delegate(op.node_type, op.name),
                result.synthetic,
                trial.binary,
                trial.start,
            )


def _csv_cell(value: Cell) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def _arrow_schema(table: TableName) -> pa.Schema:
    import pyarrow as pa

    types = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "flag": pa.bool_()}
    return pa.schema([(column.name, types[column.kind]) for column in COLUMNS[table]])


def _arrow_batch(batch: list[tuple[Cell, ...]], schema: pa.Schema) -> Any:
    import pyarrow as pa

    columns: list[tuple[Cell, ...]] = list(zip(*batch, strict=True)) if batch else [() for _ in schema]
    arrays = []
    for values, kind in zip(columns, schema, strict=True):
        try:
            arrays.append(pa.array(values, type=kind.type))
        except OverflowError:
            raise UsageError(
                f"{kind.name} holds a number of more than 64 bits, which Parquet has no room for",
                remedy="--format csv or json",
            ) from None
    return pa.record_batch(arrays, schema=schema)
