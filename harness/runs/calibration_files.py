"""Calibrations on disk, and the notes on them beside a comparison.

They are kept in the run's `calibration.json`, and for later runs in one file per phone in the state folder.

Format history (`format_version`):
    1   first version; later with `binary` and `asked`, which are empty in older files
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.analysis.calibration import Calibration
from harness.analysis.cell_selection import Pair
from harness.analysis.comparability import Note
from harness.analysis.comparison import Comparison, Table
from harness.files.lock import held
from harness.files.user_folders import calibrations_folder
from harness.files.whole_file import write_whole
from harness.records import DeviceInfo
from harness.runs.stored_json import read_document

FILE = "calibration.json"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCalibration:
    """A calibration and its cell. `device` is the serial, `fingerprint` that of the device's system build."""

    run_id: str
    device: str
    fingerprint: str | None
    model: str
    model_sha256: str
    delegate: str
    threads: int
    cpus: str
    metric: str
    found: Calibration
    binary: str = ""
    """Name of the benchmark binary, if the run compares several."""
    asked: str = ""
    """Signature and inputs in the suite (`ModelRef.asked`), since two entries of one file are two cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    format_version: int
    cells: tuple[CellCalibration, ...]


_DOCUMENT: TypeAdapter[_Document] = TypeAdapter(_Document)
_Key = tuple[str, str, str, str, str, int, str, str]
Known = Mapping[_Key, CellCalibration]


def save(run: Path, cells: Sequence[CellCalibration], devices: Iterable[DeviceInfo]) -> list[Path]:
    """Write calibrations into the run, and for phones into the state folder, where they replace older ones of the same cell.

    Virtual devices are gone after the run and leave nothing in the state folder. Return the files written.

    Raises:
        SetupError: the disk is full, or the place cannot be written.
        UsageError: an existing file was written by a newer harness, or is damaged.
    """
    written = [run / FILE]
    _write(run / FILE, cells)
    for device in devices:
        mine = [cell for cell in cells if cell.device == device.serial]
        if device.virtual or not mine:
            continue
        path = _device_file(device.serial)
        # Locked, because another process may calibrate the same phone.
        with held(path.with_suffix(".lock")):
            known = {_key(cell): cell for cell in _read(path)}
            known.update({_key(cell): cell for cell in mine})
            _write(path, list(known.values()))
        written.append(path)
    return written


def load(runs: Iterable[Path], devices: Iterable[DeviceInfo]) -> dict[_Key, CellCalibration]:
    """Return the calibrations of devices from the state folder and from runs; those of runs win.

    Raises:
        UsageError: a file was written by a newer harness, or is damaged.
    """
    paths = [_device_file(device.serial) for device in devices if not device.virtual]
    paths += [run / FILE for run in runs]
    return {_key(cell): cell for path in paths for cell in _read(path)}


def of_run(run: Path) -> dict[_Key, CellCalibration]:
    """Return the calibrations in a run.

    Raises:
        UsageError: as `load`.
    """
    return {_key(cell): cell for cell in _read(run / FILE)}


def noted(table: Table, pairs: Sequence[Pair], known: Known, fingerprints: Mapping[str, str | None]) -> Table:
    """Add a note to each comparison whose cell is calibrated.

    Args:
        table: the comparisons.
        pairs: their pairs, in the same order.
        known: calibrations.
        fingerprints: the system build of each device at the time of measuring, by serial.
    """
    if not known:
        return table
    comparisons = []
    for one, pair in zip(table.comparisons, pairs, strict=True):
        note = _note(one, pair, known, fingerprints)
        comparisons.append(replace(one, notes=(*one.notes, note)) if note else one)
    return replace(table, comparisons=tuple(comparisons))


def _note(one: Comparison, pair: Pair, known: Known, fingerprints: Mapping[str, str | None]) -> Note | None:
    for cell in (pair.head, pair.base):
        if cell is None:
            continue
        key, model = cell.key, cell.results[0].trial.model
        found = known.get(
            (
                *(key.device, model.sha256, key.binary, model.asked),
                *(key.delegate, key.threads, key.cpus, str(one.metric)),
            )
        )
        if found is None:
            continue
        stale = "" if found.fingerprint == fingerprints.get(cell.key.device) else " on another system build"
        text = (
            f"calibrated{stale}: {found.found.false_positive_rate:.1%} false positives in {found.found.experiments} A/A "
            f"comparisons; smallest detectable change by processes a side {detectable_words(found.found)}"
        )
        return Note("calibration", text, False)
    return None


def detectable_words(found: Calibration) -> str:
    """Return `5: 8.1%, 10: 2.4%`, with `-` for numbers of processes that find no change often enough."""
    return ", ".join(f"{count}: {change_words(change)}" for count, change in found.detectable)


def change_words(change: float | None) -> str:
    """Return `2.4%`; `-` if no change is found often enough."""
    return "-" if change is None else f"{change:.1%}"


def as_document(cells: Sequence[CellCalibration]) -> dict[str, Any]:
    """Return calibrations as a document for JSON."""
    return {"format_version": FORMAT_VERSION, "cells": [asdict(cell) for cell in cells]}


def _key(cell: CellCalibration) -> _Key:
    return (
        *(cell.device, cell.model_sha256, cell.binary, cell.asked),
        *(cell.delegate, cell.threads, cell.cpus, cell.metric),
    )


def _device_file(serial: str) -> Path:
    # Hashed, since a serial may hold any character.
    return calibrations_folder() / f"{hashlib.sha256(serial.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> tuple[CellCalibration, ...]:
    document = read_document(path, _DOCUMENT, newest=FORMAT_VERSION, mend="remove it and calibrate anew")
    return document.cells if document else ()


def _write(path: Path, cells: Sequence[CellCalibration]) -> None:
    write_whole(path, (json.dumps(as_document(cells), indent=1, allow_nan=False) + "\n").encode())
