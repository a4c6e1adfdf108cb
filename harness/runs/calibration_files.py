"""Calibrations on disk: `calibration.json` in the run, and one file per phone in the state folder, so that later runs know them; and what
stands of them beside a comparison.

Format history (`format_version`):
    1   first version; later with `binary` and `asked`, which are empty in files from before
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.analysis.calibration import Calibration
from harness.analysis.cell_selection import Pair
from harness.analysis.comparability import Note
from harness.analysis.comparison import Comparison, Table
from harness.errors import UsageError
from harness.files.lock import held
from harness.files.user_folders import calibrations_folder
from harness.files.whole_file import write_whole
from harness.records import DeviceInfo

FILE = "calibration.json"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCalibration:
    """A calibration and its cell. `device` is the serial; `fingerprint` is that of the device's system build."""

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
    """Name of the benchmark binary, where the run compares several."""
    asked: str = ""
    """What the suite says of signature and inputs (`ModelRef.asked`): two entries of one file are two cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    format_version: int
    cells: tuple[CellCalibration, ...]


_DOCUMENT: TypeAdapter[_Document] = TypeAdapter(_Document)
_Key = tuple[str, str, str, str, str, int, str, str]
Known = Mapping[_Key, CellCalibration]


def save(run: Path, cells: Sequence[CellCalibration], devices: Iterable[DeviceInfo]) -> list[Path]:
    """Write them into the run, and for phones into the state folder, where newer ones take the place of older ones of the same cell.

    A virtual device is gone after its run and leaves nothing in the state folder.

    Raises:
        SetupError: the disk is full, or the place cannot be written.
        UsageError: a file that is there was written by a newer harness, or is damaged.
    """
    written = [run / FILE]
    _write(run / FILE, cells)
    for device in devices:
        mine = [cell for cell in cells if cell.device == device.serial]
        if device.virtual or not mine:
            continue
        path = device_file(device.serial)
        # Another process may calibrate the same phone: what it adds between reading and writing must stay.
        with held(path.with_suffix(".lock")):
            known = {_key(cell): cell for cell in _read(path)}
            known.update({_key(cell): cell for cell in mine})
            _write(path, list(known.values()))
        written.append(path)
    return written


def load(runs: Iterable[Path], devices: Iterable[DeviceInfo]) -> dict[_Key, CellCalibration]:
    """What is known of these devices: out of the state folder, and out of the runs, which count for more.

    Raises:
        UsageError: a file was written by a newer harness, or is damaged.
    """
    paths = [device_file(device.serial) for device in devices if not device.virtual]
    paths += [run / FILE for run in runs]
    return {_key(cell): cell for path in paths for cell in _read(path)}


def of_run(run: Path) -> dict[_Key, CellCalibration]:
    """What stands in the run itself.

    Raises:
        UsageError: as `load`.
    """
    return {_key(cell): cell for cell in _read(run / FILE)}


def find(
    known: Known,
    *,
    device: str,
    model_sha256: str,
    binary: str,
    asked: str,
    delegate: str,
    threads: int,
    cpus: str,
    metric: str,
) -> CellCalibration | None:
    """The calibration of a cell, if there is one."""
    return known.get((device, model_sha256, binary, asked, delegate, threads, cpus, metric))


def noted(table: Table, pairs: Sequence[Pair], known: Known, fingerprints: Mapping[str, str | None]) -> Table:
    """The table with a note on each comparison whose cell is calibrated.

    Args:
        table: what was compared.
        pairs: what it was made of, in the same order.
        known: calibrations.
        fingerprints: the system build of each device when it was measured, by serial.
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
        model = cell.results[0].trial.model
        found = find(
            known,
            device=cell.key.device,
            model_sha256=model.sha256,
            binary=cell.key.binary,
            asked=model.asked,
            delegate=cell.key.delegate,
            threads=cell.key.threads,
            cpus=cell.key.cpus,
            metric=str(one.metric),
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
    """`5: 8.1%, 10: 2.4%`; `-` where no change would be found so often."""
    return ", ".join(f"{count}: {change_words(change)}" for count, change in found.detectable)


def change_words(change: float | None) -> str:
    """`2.4%`; `-` for a change that no number of processes finds."""
    return "-" if change is None else f"{change:.1%}"


def as_document(cells: Sequence[CellCalibration]) -> dict[str, Any]:
    """For JSON."""
    return {"format_version": FORMAT_VERSION, "cells": [asdict(cell) for cell in cells]}


def _key(cell: CellCalibration) -> _Key:
    return (
        *(cell.device, cell.model_sha256, cell.binary, cell.asked),
        *(cell.delegate, cell.threads, cell.cpus, cell.metric),
    )


def device_file(serial: str) -> Path:
    """Where the calibrations of a phone are kept."""
    # A serial is the device's own word and no file name.
    return calibrations_folder() / f"{hashlib.sha256(serial.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> tuple[CellCalibration, ...]:
    try:
        data = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} is damaged: {error}", remedy="remove it and calibrate anew") from None
    version = data.get("format_version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise UsageError(f"{path} has format {version}, this harness reads up to {FORMAT_VERSION}")
    try:
        return _DOCUMENT.validate_python(data).cells
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path} is damaged: {where}: {first['msg']}", remedy="remove it and calibrate anew") from None


def _write(path: Path, cells: Sequence[CellCalibration]) -> None:
    write_whole(path, (json.dumps(as_document(cells), indent=1, allow_nan=False) + "\n").encode())
