"""Calibrations on disk."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.calibration import Calibration
from harness.errors import SetupError
from harness.runs.calibration_files import FILE, CellCalibration, as_document, load, of_run, save
from tests.analysis.made_up import PHONE

FOUND = Calibration(
    blocks=10,
    pairs=5,
    spread=0.01,
    experiments=2000,
    false_positive_rate=0.001,
    same_rate=0.9,
    detectable=((5, 0.08), (10, None)),
)
CELL = CellCalibration(
    run_id="monday",
    device=PHONE.serial,
    fingerprint=PHONE.fingerprint,
    model="m",
    model_sha256="a" * 64,
    delegate="cpu",
    threads=1,
    cpus="big",
    metric="inference_avg",
    found=FOUND,
)


def known(run: Path, *, binary: str = "", asked: str = "") -> CellCalibration | None:
    wanted = replace(CELL, binary=binary, asked=asked)
    return next((cell for cell in of_run(run).values() if cell == wanted), None)


def test_binaries_and_signatures_of_one_file_are_cells_of_their_own(tmp_path: Path) -> None:
    cells = [replace(CELL, binary=binary, asked=asked) for binary in ("old", "new") for asked in ("", "signature s")]
    save(tmp_path, cells, [PHONE])
    assert [known(tmp_path, binary=one.binary, asked=one.asked) for one in cells] == cells
    assert known(tmp_path) is None
    assert sorted(load([], [PHONE]).values(), key=cells.index) == cells


def test_a_file_from_before_they_were_kept_apart_is_read(tmp_path: Path) -> None:
    document = as_document([CELL])
    for cell in document["cells"]:
        del cell["binary"], cell["asked"]
    (tmp_path / FILE).write_text(json.dumps(document))
    assert known(tmp_path) == CELL
    assert known(tmp_path, binary="new") is None


def test_calibrations_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    cells = [replace(CELL, delegate=f"d{number}") for number in range(12)]
    together = threading.Barrier(len(cells))
    failures: list[BaseException] = []

    def keep(cell: CellCalibration) -> None:
        together.wait()
        try:
            save(tmp_path, [cell], [PHONE])
        except BaseException as error:  # shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=keep, args=(cell,)) for cell in cells]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {cell.delegate for cell in load([], [PHONE]).values()} == {cell.delegate for cell in cells}
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(SetupError, match="cannot write"):
        save(tmp_path / "run", [CELL], [])
