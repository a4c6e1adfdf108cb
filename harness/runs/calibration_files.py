"""Calibrations on disk, and the notes on them beside a comparison.

They are kept in the run's `calibration.json`, and for later runs in one file per phone in the state folder.

Format history (`format_version`):
    1   first version; later with `binary` and `asked`, which are empty in older files
    2   the smallest detectable change has an interval; the false-positive rate is gone, because it could only ever be right
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.analysis.calibration import Calibration, Detectable
from harness.analysis.cell_selection import Pair
from harness.analysis.comparability import Note
from harness.analysis.comparison import Comparison, Table
from harness.files.lock import held
from harness.files.user_folders import calibrations_folder
from harness.records import DeviceInfo
from harness.runs.checked_json import CheckedJson
from harness.runs.stored_json import read_document, write_document

FILE = "calibration.json"
FORMAT_VERSION = 2


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


_DOCUMENT = CheckedJson(_Document)
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
        path = device_file(device.serial)
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
    paths = [device_file(device.serial) for device in devices if not device.virtual]
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
        # How a cell varies within a run says nothing about how two runs differ.
        note = _note(one, pair, known, fingerprints) if one.estimate.design == "paired" else None
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
            f"calibrated{stale}: processes differ by {found.found.spread:.1%}; smallest detectable change by processes a side "
            f"{detectable_words(found.found)}"
        )
        return Note("calibration", text, False)
    return None


def detectable_words(found: Calibration) -> str:
    """`5: 8.1% (5.0% to 11%), 10: -`; `-` where no change would be found so often."""
    return ", ".join(f"{one.processes}: {change_words(one)}" for one in found.detectable)


def change_words(one: Detectable) -> str:
    """`2.4% (1.9% to 3.1%)`; `-` for a change that so many processes do not find."""
    if one.change is None:
        return "-"
    if one.low is None or one.high is None:
        return f"{one.change:.1%}"
    return f"{one.change:.1%} ({one.low:.1%} to {one.high:.1%})"


def as_document(cells: Sequence[CellCalibration]) -> dict[str, Any]:
    """Return calibrations as a document for JSON."""
    return {"format_version": FORMAT_VERSION, "cells": [asdict(cell) for cell in cells]}


def _key(cell: CellCalibration) -> _Key:
    return (
        *(cell.device, cell.model_sha256, cell.binary, cell.asked),
        *(cell.delegate, cell.threads, cell.cpus, cell.metric),
    )


def device_file(serial: str) -> Path:
    """Return the file that keeps a phone's calibrations."""
    # Hashed, since a serial may hold any character.
    return calibrations_folder() / f"{hashlib.sha256(serial.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> tuple[CellCalibration, ...]:
    document = read_document(
        path, _DOCUMENT, newest=FORMAT_VERSION, mend="remove it and calibrate anew", older={1: _from_version_1}
    )
    return document.cells if document else ()


def _from_version_1(data: Any) -> Any:
    cells = data.get("cells")
    for found in (cell.get("found") for cell in cells if isinstance(cell, dict)) if isinstance(cells, list) else ():
        if isinstance(found, dict) and isinstance(found.get("detectable"), list):
            # A value that is no pair stays as it is, and is then refused as damaged.
            found["detectable"] = [
                {"processes": one[0], "change": one[1]} if isinstance(one, list) and len(one) == 2 else one
                for one in found["detectable"]
            ]
    return data


def _write(path: Path, cells: Sequence[CellCalibration]) -> None:
    write_document(path, as_document(cells))
