"""What stands of a calibration beside a comparison, and which files it is looked for in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.calibration import Calibration, Detectable
from harness.analysis.cell_selection import Pair
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.errors import UsageError
from harness.runs.calibration_files import (
    FILE,
    FORMAT_VERSION,
    CellCalibration,
    Known,
    as_document,
    change_words,
    detectable_words,
    load,
    noted,
    of_run,
    save,
)
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell

FOUND = Calibration(
    blocks=20,
    spread=0.0125,
    detectable=(
        Detectable(processes=5, change=0.081, low=0.05, high=0.113),
        Detectable(processes=10, change=0.0236, low=0.019, high=0.031),
        Detectable(processes=20, change=None),
    ),
)
GPU = CellCalibration(
    run_id="monday",
    device=PHONE.serial,
    fingerprint=PHONE.fingerprint,
    model="m",
    model_sha256="",
    delegate="gpu",
    threads=1,
    cpus="big",
    metric="inference_avg",
    found=FOUND,
)
"""Of the model in `made_up`; see `calibrated`."""
BASE = [1000.0, 1001.0, 999.0, 1002.0, 998.0, 1000.5]
HEAD = [0.5 * value for value in BASE]


def pair() -> Pair:
    (base,) = group_by_cell(cell(BASE, delegate="cpu"))
    (head,) = group_by_cell(cell(HEAD, delegate="gpu"))
    return Pair(base=base, head=head)


def calibrated(**changes: object) -> Known:
    """The head's calibration, or another, as `of_run` gives it."""
    shown = pair().head
    assert shown is not None
    one = replace(GPU, model_sha256=shown.results[0].trial.model.sha256, **changes)  # type: ignore[arg-type]
    return {(one.device, one.model_sha256, one.binary, one.asked, one.delegate, one.threads, one.cpus, one.metric): one}


def notes(known: Known, fingerprint: str | None = PHONE.fingerprint) -> list[str]:
    pairs = [pair()]
    run = RunContext(run_id="monday")
    table = compare(pairs, run, run, metric=Metric.INFERENCE_AVG, rules=Rules())
    found = noted(table, pairs, known, {PHONE.serial: fingerprint})
    said = [note for one in found.comparisons for note in one.notes if note.kind == "calibration"]
    assert not any(note.unlike for note in said), "it is there to be known"
    return [note.text for note in said]


WORDS = (
    "processes differ by 1.2%; smallest detectable change by processes a side "
    "5: 8.1% (5.0% to 11.3%), 10: 2.4% (1.9% to 3.1%), 20: -"
)


def test_a_calibrated_cell_says_what_a_verdict_on_it_is_worth() -> None:
    assert notes(calibrated()) == [f"calibrated: {WORDS}"]
    assert notes({}) == []


def test_beside_separate_runs_it_says_nothing() -> None:
    """How a cell varies within a run is not how two runs differ."""
    pairs, monday, tuesday = [pair()], RunContext(run_id="monday"), RunContext(run_id="tuesday")
    table = compare(pairs, monday, tuesday, metric=Metric.INFERENCE_AVG, rules=Rules())
    found = noted(table, pairs, calibrated(), {PHONE.serial: PHONE.fingerprint})
    assert not [note for one in found.comparisons for note in one.notes if note.kind == "calibration"]


def test_another_system_build_is_said() -> None:
    assert notes(calibrated(), "google/shiba:16/B") == [f"calibrated on another system build: {WORDS}"]


def test_head_s_calibration_counts_before_base_s() -> None:
    base_alone = calibrated(delegate="cpu", found=replace(FOUND, spread=0.5))
    assert notes(base_alone)[0].startswith("calibrated: processes differ by 50.0%;")
    assert notes({**base_alone, **calibrated()}) == [f"calibrated: {WORDS}"]


def test_a_cell_that_head_lacks_has_nothing_to_be_found_in() -> None:
    pairs = [replace(pair(), head=None)]
    run = RunContext(run_id="monday")
    table = compare(pairs, run, run, metric=Metric.INFERENCE_AVG, rules=Rules())
    assert noted(table, pairs, calibrated(delegate="cpu"), {PHONE.serial: PHONE.fingerprint}) == table


@pytest.mark.parametrize("changes", [{"delegate": "nnapi"}, {"threads": 2}, {"cpus": "little"}, {"metric": "init"}])
def test_another_cell_s_calibration_says_nothing(changes: dict[str, object]) -> None:
    assert notes(calibrated(**changes)) == []


def test_a_change_that_no_number_of_processes_finds_is_a_dash() -> None:
    without = Detectable(processes=5, change=0.0236)
    assert change_words(without) == "2.4%", "an older calibration has no interval"
    assert change_words(replace(without, low=0.019, high=0.031)) == "2.4% (1.9% to 3.1%)"
    assert change_words(replace(without, low=0.019)) == change_words(replace(without, high=0.031)) == "2.4%"
    assert change_words(replace(without, change=None)) == "-"
    assert change_words(replace(without, change=0.0)) == "0.0%"
    assert detectable_words(replace(FOUND, detectable=())) == ""


def test_a_virtual_device_leaves_nothing_behind_its_run(tmp_path: Path) -> None:
    virtual = replace(PHONE, virtual=True)
    assert save(tmp_path, [GPU], [virtual]) == [tmp_path / FILE]
    assert load([], [virtual]) == {}
    assert list(load([tmp_path], [virtual]).values()) == [GPU]
    written = save(tmp_path, [GPU], [PHONE])
    assert len(written) == 2
    assert load([], [virtual]) == {}, "what a phone of that serial left is not its own"
    assert list(load([], [PHONE]).values()) == [GPU]


def test_a_phone_s_file_holds_its_own_cells(tmp_path: Path) -> None:
    other = replace(GPU, device=OTHER_PHONE.serial)
    written = save(tmp_path, [GPU, other], [PHONE, OTHER_PHONE, replace(PHONE, serial="none of it")])
    assert len(written) == 3, "a phone without a calibrated cell has no file"
    assert list(load([], [OTHER_PHONE]).values()) == [other]
    assert list(of_run(tmp_path).values()) == [GPU, other]


def test_a_newer_calibration_takes_the_place_of_the_older_and_a_run_s_own_counts_more(tmp_path: Path) -> None:
    tuesday, wednesday = (replace(GPU, run_id=day) for day in ("tuesday", "wednesday"))
    save(tmp_path / "1", [GPU], [PHONE])
    save(tmp_path / "2", [tuesday], [PHONE])
    assert list(load([], [PHONE]).values()) == [tuesday]
    assert list(load([tmp_path / "1"], [PHONE]).values()) == [GPU]
    save(tmp_path / "3", [wednesday], [])
    assert list(load([tmp_path / "1", tmp_path / "3"], [PHONE]).values()) == [wednesday]


def test_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    document = as_document([GPU])
    assert document["format_version"] == FORMAT_VERSION == 2
    (tmp_path / FILE).write_text(json.dumps(document | {"format_version": 3}))
    with pytest.raises(UsageError, match="has format 3, this harness reads up to 2"):
        of_run(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format_version": 1}', '{"format_version": 1, "cells": [{}]}'])
def test_damage_names_the_file_and_the_way_out(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UsageError, match=rf"{FILE} is damaged") as caught:
        of_run(tmp_path)
    assert caught.value.remedy == "remove it and calibrate anew"


def test_damage_names_the_first_key_that_is_wrong(tmp_path: Path) -> None:
    document = as_document([GPU])
    document["cells"][0] |= {"delegate": 3, "threads": "many"}
    (tmp_path / FILE).write_text(json.dumps(document))
    with pytest.raises(UsageError, match=r"damaged: cells\.0\.delegate: "):
        of_run(tmp_path)


def test_no_file_is_no_calibration_but_one_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    assert of_run(tmp_path) == {}
    (tmp_path / "file").write_text("")
    assert of_run(tmp_path / "file") == {}, "no folder"
    (tmp_path / FILE).mkdir()
    with pytest.raises(UsageError, match="cannot read"):
        of_run(tmp_path)
