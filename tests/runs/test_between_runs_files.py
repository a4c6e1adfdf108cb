"""The spread between runs on disk: kept for phones, given for the same phone on the same system build."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.between_runs import BetweenRuns
from harness.analysis.cell_selection import Pair
from harness.analysis.cells import group_by_cell
from harness.errors import UsageError
from harness.records import DeviceInfo, Result
from harness.runs.between_runs_files import FORMAT_VERSION, CellBetweenRuns, as_document, save, spreads
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell

FOUND = BetweenRuns(deviation=0.02, runs=5)
RESULTS = cell([1000.0] * 3)
CELL = CellBetweenRuns(
    device=PHONE.serial,
    fingerprint=PHONE.fingerprint,
    model="m",
    model_sha256=RESULTS[0].trial.model.sha256,
    asked="",
    binary="",
    delegate="cpu",
    threads=1,
    cpus="big",
    metric="inference_avg",
    run_ids=("monday", "tuesday"),
    found=FOUND,
)


def pair(base: list[Result] | None = None, head: list[Result] | None = None) -> Pair:
    (ours,), (theirs,) = group_by_cell(base or RESULTS), group_by_cell(head or RESULTS)
    return Pair(base=ours, head=theirs)


def known(
    one: Pair, base: list[DeviceInfo] | None = None, head: list[DeviceInfo] | None = None, metric: str = "inference_avg"
) -> BetweenRuns | None:
    return spreads(base or [PHONE], head or [PHONE], metric)(one)


def file_of(written: list[Path]) -> Path:
    (path,) = written
    return path


def test_what_was_kept_of_a_phone_is_known_of_its_pairs() -> None:
    assert known(pair()) is None
    path = file_of(save([CELL], [PHONE]))
    assert path.name.endswith("-between-runs.json")
    assert json.loads(path.read_text()) == json.loads(json.dumps(as_document([CELL])))
    assert as_document([CELL])["format_version"] == FORMAT_VERSION == 1
    assert known(pair()) == FOUND
    assert known(pair(), metric="init") is None
    assert known(pair(RESULTS, RESULTS)) == FOUND


def test_a_pair_without_a_side_or_of_two_devices_has_no_spread() -> None:
    save([CELL], [PHONE])
    whole = pair()
    assert known(replace(whole, base=None)) is None
    assert known(replace(whole, head=None)) is None
    elsewhere = cell([1000.0] * 3, device=OTHER_PHONE.serial)
    assert known(pair(RESULTS, elsewhere), [PHONE, OTHER_PHONE], [PHONE, OTHER_PHONE]) is None
    assert known(pair(elsewhere, RESULTS), [PHONE, OTHER_PHONE], [PHONE, OTHER_PHONE]) is None


def test_head_s_own_spread_counts_before_base_s() -> None:
    """A new model was never measured several times; the old one was."""
    gpu = cell([500.0] * 3, delegate="gpu")
    save([CELL], [PHONE])
    assert known(pair(RESULTS, gpu)) == FOUND
    assert known(pair(gpu, RESULTS)) == FOUND
    other = BetweenRuns(deviation=0.05, runs=3)
    save([replace(CELL, delegate="gpu", found=other)], [PHONE])
    assert known(pair(RESULTS, gpu)) == other
    assert known(pair(gpu, RESULTS)) == FOUND


def test_another_system_build_is_another_phone() -> None:
    save([CELL], [PHONE])
    updated = replace(PHONE, fingerprint="google/shiba:16/C")
    for base, head in ((updated, PHONE), (PHONE, updated), (updated, updated)):
        assert known(pair(), [base], [head]) is None
    save([replace(CELL, fingerprint=updated.fingerprint)], [updated])
    assert known(pair(), [updated], [updated]) == FOUND
    assert known(pair()) is None, "the newer one took the place of the older"


def test_head_s_spread_of_another_build_leaves_base_s() -> None:
    gpu = replace(CELL, delegate="gpu", fingerprint="google/shiba:16/C", found=BetweenRuns(deviation=0.5, runs=2))
    save([CELL, gpu], [PHONE])
    assert known(pair(RESULTS, cell([500.0] * 3, delegate="gpu"))) == FOUND


def test_a_virtual_device_keeps_nothing_and_is_told_nothing() -> None:
    virtual = replace(PHONE, virtual=True)
    assert save([CELL], [virtual]) == []
    save([CELL], [PHONE])
    assert known(pair(), [virtual], [PHONE]) is None
    assert known(pair(), [PHONE], [virtual]) is None


def test_a_phone_that_only_one_run_measured_is_told_nothing() -> None:
    save([CELL], [PHONE])
    assert known(pair(), [OTHER_PHONE], [PHONE]) is None
    assert known(pair(), [PHONE], [OTHER_PHONE]) is None


def test_a_file_gathers_the_cells_of_its_phone() -> None:
    gpu, elsewhere = replace(CELL, delegate="gpu"), replace(CELL, device=OTHER_PHONE.serial)
    save([CELL], [PHONE])
    newer = replace(CELL, found=BetweenRuns(deviation=0.03, runs=9))
    written = save([newer, gpu, elsewhere], [PHONE, OTHER_PHONE, replace(PHONE, serial="without a cell"), PHONE])
    assert len(written) == 2
    assert json.loads(written[0].read_text()) == json.loads(json.dumps(as_document([newer, gpu])))
    assert json.loads(written[1].read_text()) == json.loads(json.dumps(as_document([elsewhere])))


@pytest.mark.parametrize(
    "changes",
    [
        {"model_sha256": "f" * 64},
        {"asked": "signature s"},
        {"binary": "new"},
        {"delegate": "gpu"},
        {"threads": 4},
        {"cpus": "little"},
        {"metric": "init"},
    ],
)
def test_every_key_tells_cells_apart(changes: dict[str, object]) -> None:
    other = replace(CELL, **changes)  # type: ignore[arg-type]
    path = file_of(save([CELL, other], [PHONE]))
    assert len(json.loads(path.read_text())["cells"]) == 2
    save([other], [PHONE])
    assert known(pair()) == FOUND


def test_a_newer_format_and_damage_are_named() -> None:
    path = file_of(save([CELL], [PHONE]))
    path.write_text(json.dumps(as_document([CELL]) | {"format_version": 2}))
    with pytest.raises(UsageError, match="has format 2, this harness reads up to 1"):
        known(pair())
    path.write_text("{")
    with pytest.raises(UsageError, match="is damaged") as caught:
        save([CELL], [PHONE])
    assert caught.value.remedy == "remove it and calibrate anew"
