"""Calibrations on disk."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from harness.analysis.calibration import Calibration, Detectable
from harness.errors import SetupError, UsageError
from harness.runs.calibration_files import FILE, CellCalibration, as_document, load, of_run, save
from tests.analysis.made_up import PHONE

FOUND = Calibration(
    blocks=10,
    spread=0.01,
    detectable=(
        Detectable(processes=5, change=0.08, low=0.05, high=0.11),
        Detectable(processes=10, change=None),
    ),
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


OLD: dict[str, Any] = {
    "format_version": 1,
    "cells": [
        asdict(CELL)
        | {
            "found": {
                "blocks": 10,
                "pairs": 5,
                "spread": 0.01,
                "experiments": 2000,
                "false_positive_rate": 0.001,
                "same_rate": 0.9,
                "detectable": [[5, 0.08], [10, None]],
            }
        }
    ],
}
"""As the first version wrote it."""


def test_the_first_format_is_read_without_the_rate_that_could_not_be_wrong(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(OLD))
    bare = (Detectable(processes=5, change=0.08), Detectable(processes=10, change=None))
    assert list(of_run(tmp_path).values()) == [replace(CELL, found=replace(FOUND, detectable=bare))]
    # What is written of it is of the newest format, and reads the same.
    save(tmp_path / "again", list(of_run(tmp_path).values()), [])
    assert json.loads((tmp_path / "again" / FILE).read_text())["format_version"] == 2
    assert of_run(tmp_path / "again") == of_run(tmp_path)


@pytest.mark.parametrize("detectable", [None, 5, [5], [[5]], [[5, "much"]], {"5": 0.08}])
def test_a_first_format_that_is_damaged_is_named(tmp_path: Path, detectable: object) -> None:
    document = json.loads(json.dumps(OLD))
    document["cells"][0]["found"]["detectable"] = detectable
    (tmp_path / FILE).write_text(json.dumps(document))
    with pytest.raises(UsageError, match=rf"{FILE} is damaged"):
        of_run(tmp_path)


@pytest.mark.parametrize("cells", [None, 5, [None], [{"found": 3}]])
def test_a_first_format_without_calibrations_in_it_is_named(tmp_path: Path, cells: object) -> None:
    (tmp_path / FILE).write_text(json.dumps({"format_version": 1, "cells": cells}))
    with pytest.raises(UsageError, match=rf"{FILE} is damaged"):
        of_run(tmp_path)


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
