"""The spread between runs of each phone, on disk: one file per phone in the state folder, beside its calibrations.

Format history (`format_version`):
    1   first version
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.analysis.between_runs import BetweenRuns
from harness.analysis.cell_selection import Pair
from harness.analysis.cells import CellResults
from harness.files.lock import held
from harness.records import DeviceInfo
from harness.runs.calibration_files import device_file
from harness.runs.checked_json import CheckedJson
from harness.runs.stored_json import read_document, write_document

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CellBetweenRuns:
    """The spread of one cell. `device` is the serial; `fingerprint` is that of the device's system build."""

    device: str
    fingerprint: str | None
    model: str
    model_sha256: str
    asked: str
    binary: str
    delegate: str
    threads: int
    cpus: str
    metric: str
    run_ids: tuple[str, ...]
    found: BetweenRuns


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    format_version: int
    cells: tuple[CellBetweenRuns, ...]


_DOCUMENT = CheckedJson(_Document)
_Key = tuple[str, str, str, str, str, int, str, str]


def save(cells: Sequence[CellBetweenRuns], devices: Iterable[DeviceInfo]) -> list[Path]:
    """Keep the spreads of phones, where newer ones replace older ones of the same cell. A virtual device is gone after its run.

    Raises:
        SetupError: the disk is full, or the place cannot be written.
        UsageError: a file that is there was written by a newer harness, or is damaged.
    """
    written = []
    for serial in dict.fromkeys(device.serial for device in devices if not device.virtual):
        mine = {_key(cell): cell for cell in cells if cell.device == serial}
        if mine:
            path = _file(serial)
            with held(path.with_suffix(".lock")):
                known = {_key(cell): cell for cell in _read(path)} | mine
                write_document(path, as_document(list(known.values())))
            written.append(path)
    return written


def spreads(
    base: Iterable[DeviceInfo], head: Iterable[DeviceInfo], metric: str
) -> Callable[[Pair], BetweenRuns | None]:
    """Return the known spreads for pairs of two runs: those of a phone that both measured, on the system build of the spread.

    Raises:
        UsageError: a file was written by a newer harness, or is damaged.
    """
    builds = common_builds(base, head)
    known = {_key(cell): cell for serial in builds for cell in _read(_file(serial))}

    def spread(pair: Pair) -> BetweenRuns | None:
        if pair.base is None or pair.head is None or pair.base.key.device != pair.head.key.device:
            return None
        # A new model was never measured several times; the old one was.
        for cell in (pair.head, pair.base):
            found = known.get(_key_of(cell, metric))
            if found is not None and found.fingerprint == builds[found.device]:
                return found.found
        return None

    return spread


def common_builds(base: Iterable[DeviceInfo], head: Iterable[DeviceInfo]) -> dict[str, str | None]:
    """Return the system build of each phone that two runs both measured on it, by serial."""
    theirs = {device.serial: device for device in head if not device.virtual}
    builds = {one.serial: one.fingerprint for one in base if one.serial in theirs and not one.virtual}
    return {serial: build for serial, build in builds.items() if theirs[serial].fingerprint == build}


def as_document(cells: Sequence[CellBetweenRuns]) -> dict[str, Any]:
    """Return spreads as a document for JSON."""
    return {"format_version": FORMAT_VERSION, "cells": [asdict(cell) for cell in cells]}


def _key(cell: CellBetweenRuns) -> _Key:
    return (
        *(cell.device, cell.model_sha256, cell.asked, cell.binary),
        *(cell.delegate, cell.threads, cell.cpus, cell.metric),
    )


def _key_of(cell: CellResults, metric: str) -> _Key:
    key, model = cell.key, cell.results[0].trial.model
    return (key.device, model.sha256, model.asked, key.binary, key.delegate, key.threads, key.cpus, metric)


def _file(serial: str) -> Path:
    calibrations = device_file(serial)
    return calibrations.with_name(f"{calibrations.stem}-between-runs.json")


def _read(path: Path) -> tuple[CellBetweenRuns, ...]:
    document = read_document(path, _DOCUMENT, newest=FORMAT_VERSION, mend="remove it and calibrate anew")
    return document.cells if document else ()
