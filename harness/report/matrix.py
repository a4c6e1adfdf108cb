"""The matrix of models against configurations, laid out for the template. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.records import DeviceInfo, Purpose
from harness.report.cell_summaries import Cell, CellKey

Config = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading over one or more columns."""

    text: str
    span: int
    detail: str | None = None
    virtual: bool = False


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """A configuration: the fourth heading row, and what filters look at."""

    threads: str
    cpus: str
    mask: str
    binary: str
    """Empty where the run compares none."""


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A cell, how many of its processes are not as its state says, and how many were planned."""

    cell: Cell
    troubled: int
    planned: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows are models; columns are configurations, grouped by device and by delegate. None in a row: not planned."""

    devices: tuple[Heading, ...]
    delegates: tuple[Heading, ...]
    columns: tuple[MatrixColumn, ...]
    rows: tuple[tuple[str, tuple[MatrixCell | None, ...]], ...]


def matrix_of(cells: Sequence[Cell], devices: Sequence[DeviceInfo]) -> Matrix:
    """Lay the cells out."""
    by_key = {cell.key: cell for cell in cells}
    known = {device.serial: device for device in devices}
    config_cells = {cell.key.config: cell for cell in cells}
    # Equal devices and delegates must stand together for their headings to span them, in the order in which the first model has them.
    serials = list(dict.fromkeys(config[0] for config in config_cells))
    delegates = list(dict.fromkeys(config[1] for config in config_cells))
    binaries = list(dict.fromkeys(config[4] for config in config_cells))
    order = sorted(
        config_cells,
        key=lambda c: (serials.index(c[0]), delegates.index(c[1]), int(c[2]), c[3], binaries.index(c[4])),
    )
    models = list(dict.fromkeys(cell.key.model for cell in cells))
    return Matrix(
        devices=tuple(
            _device_heading(serial, len(list(group)), known.get(serial))
            for serial, group in groupby(order, key=lambda c: c[0])
        ),
        delegates=tuple(
            Heading(delegate, len(list(group))) for (_, delegate), group in groupby(order, key=lambda c: c[:2])
        ),
        columns=tuple(MatrixColumn(c[2], c[3], config_cells[c].cpus.hex, c[4]) for c in order),
        rows=tuple(
            (model, tuple(_matrix_cell(by_key, CellKey(model, *config)) for config in order)) for model in models
        ),
    )


def _device_heading(serial: str, span: int, device: DeviceInfo | None) -> Heading:
    return Heading(serial, span, device.model if device else None, virtual=device.virtual if device else False)


def _matrix_cell(by_key: dict[CellKey, Cell], key: CellKey) -> MatrixCell | None:
    cell = by_key.get(key)
    if cell is None:
        return None
    outcomes = cell.outcomes(Purpose.LATENCY)
    planned = outcomes.total()
    return MatrixCell(
        cell=cell,
        troubled=planned - outcomes[cell.state] if cell.state in ("ok", "invalid") else 0,
        planned=planned,
    )
