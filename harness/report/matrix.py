"""Lays out the matrix of models against configurations for the template. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from harness.records import CellKey, DeviceInfo, Purpose, model_label
from harness.report.cell_summaries import ReportCell


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading over one or more columns."""

    text: str
    span: int
    detail: str | None = None
    virtual: bool = False


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """A configuration, for the fourth heading row and for filters."""

    threads: int
    cpus: str
    mask: str
    binary: str
    """Empty if the run compares none."""


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A cell with the number of its planned processes, and the number of those whose outcome differs from its state."""

    cell: ReportCell
    troubled: int
    planned: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows are models; columns are configurations, grouped by device and by delegate. None in a row: not planned."""

    devices: tuple[Heading, ...]
    delegates: tuple[Heading, ...]
    columns: tuple[MatrixColumn, ...]
    rows: tuple[tuple[str, tuple[MatrixCell | None, ...]], ...]


def matrix_of(cells: Sequence[ReportCell], devices: Sequence[DeviceInfo]) -> Matrix:
    """Lay the cells out."""
    by_key = {cell.key: cell for cell in cells}
    known = {device.serial: device for device in devices}
    config_cells = {_config(cell.key): cell for cell in cells}
    # Equal devices and delegates stand together, so that headings can span them, in the first model's order.
    serials = list(dict.fromkeys(config.device for config in config_cells))
    delegates = list(dict.fromkeys(config.delegate for config in config_cells))
    binaries = list(dict.fromkeys(config.binary for config in config_cells))
    order = sorted(
        config_cells,
        key=lambda c: (
            serials.index(c.device),
            delegates.index(c.delegate),
            c.threads,
            c.cpus,
            binaries.index(c.binary),
        ),
    )
    models = list(dict.fromkeys((cell.key.model, cell.key.variant) for cell in cells))
    return Matrix(
        devices=tuple(
            _device_heading(serial, len(list(group)), known.get(serial))
            for serial, group in groupby(order, key=lambda c: c.device)
        ),
        delegates=tuple(
            Heading(delegate, len(list(group)))
            for (_, delegate), group in groupby(order, key=lambda c: (c.device, c.delegate))
        ),
        columns=tuple(MatrixColumn(c.threads, c.cpus, config_cells[c].cpus.hex, c.binary) for c in order),
        rows=tuple(
            (
                model_label(model, variant),
                tuple(_matrix_cell(by_key, replace(config, model=model, variant=variant)) for config in order),
            )
            for model, variant in models
        ),
    )


def _config(key: CellKey) -> CellKey:
    """The column of a cell: its key without the model and its variant."""
    return replace(key, model="", variant="")


def _device_heading(serial: str, span: int, device: DeviceInfo | None) -> Heading:
    return Heading(serial, span, device.model if device else None, virtual=device.virtual if device else False)


def _matrix_cell(by_key: dict[CellKey, ReportCell], key: CellKey) -> MatrixCell | None:
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
