"""Gives a run as pandas frames, for a notebook: `harness.load("runs/...")`.

Types are pandas' nullable ones, so an unknown value is `<NA>` and never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from harness.files.flat_table import Column, ColumnKind, TableValue
from harness.formats.run_tables import COLUMNS, TableName, rows
from harness.runs.run_store import Manifest, Run, load_run

# Any: pandas' stubs want each of these names as a literal at the call.
_DTYPES: dict[ColumnKind, Any] = {"text": "string", "integer": "Int64", "number": "Float64", "flag": "boolean"}

_SAMPLE_COLUMNS = (
    Column("trial_id", "text"),
    Column("t_s", "number"),
    Column("cpu", "integer"),
    Column("frequency_khz", "integer"),
    Column("temperature_c", "number"),
    Column("affinity", "text"),
)


@dataclass(frozen=True)
class RunFrames:
    """A run read back, with its tables as frames. Each frame is made on first use."""

    run: Run

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.run.path

    @property
    def manifest(self) -> Manifest:
        """The run's plan, devices, binaries and models."""
        return self.run.manifest

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row per finished trial: the columns of `harness export --table trials`, `started_at` as a UTC time."""
        frame = self._table("trials")
        frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True, format="ISO8601")
        return frame

    @cached_property
    def ops(self) -> pd.DataFrame:
        """One row per op of each profiled trial: the columns of `harness export --table ops`.

        `avg_us` is per call; `cost_us` is the cost per inference.
        """
        return self._table("ops")

    @cached_property
    def samples(self) -> pd.DataFrame:
        """Readings during trials, one row per reading and core.

        Columns: trial_id, t_s (from the start of the process), cpu, frequency_khz, temperature_c, affinity (core lists, joined by `;`).
        A reading without any clock is one row without `cpu`.
        """
        data: list[tuple[TableValue, ...]] = []
        for result in self.run.results:
            for sample in result.conditions.samples:
                clocks: Iterable[tuple[int | None, int | None]] = sorted(sample.frequency_khz.items()) or [(None, None)]
                for cpu, khz in clocks:
                    affinity = ";".join(sample.affinity) or None
                    data.append((result.trial.trial_id, sample.t_s, cpu, khz, sample.temperature_c, affinity))
        return _frame(data, _SAMPLE_COLUMNS)

    def _table(self, table: TableName) -> pd.DataFrame:
        return _frame(list(rows([self.run], table)), COLUMNS[table])


def load(path: str | Path) -> RunFrames:
    """Read a run's folder.

    Raises:
        UsageError: there is no run at `path`, or it is damaged, or a newer harness wrote it.

    Example:
        harness.load("runs/first").trials.groupby("delegate")["inference_avg_us"].median()
    """
    return RunFrames(load_run(Path(path)))


def _frame(data: list[tuple[TableValue, ...]], columns: Sequence[Column]) -> pd.DataFrame:
    values = list(zip(*data, strict=True)) if data else [() for _ in columns]
    return pd.DataFrame(
        {
            column.name: pd.array(list(cells), dtype=_DTYPES[column.kind])
            for column, cells in zip(columns, values, strict=True)
        }
    )
