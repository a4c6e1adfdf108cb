from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.cell_selection import (
    Selection,
    fixed_apart,
    pair_cells,
    parse_where,
    same_devices,
    select,
)
from harness.analysis.cells import group_by_cell
from harness.errors import UsageError
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell, result


def selection(**where: str) -> Selection:
    return Selection(text="RUN", where=where)


CELLS = group_by_cell(
    [
        one
        for delegate in ("cpu", "xnnpack", "gpu")
        for threads in (1, 4)
        for one in cell([1.0, 2.0], delegate=delegate, threads=threads)
    ]
)


def test_options_in_brackets_keep_their_commas() -> None:
    assert parse_where("delegate=gpu(precision=fp16,cache=1),threads=4") == {
        "delegate": "gpu(precision=fp16,cache=1)",
        "threads": "4",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("delgate=gpu", "did you mean 'delegate'"),
        ("zzz=1", "it can name model, device"),
        ("threads", "lacks a value"),
        ("delegate=cpu,threads=", "lacks a value"),
        ("threads=", "lacks a value"),
        ("threads=1,threads=2", "twice"),
    ],
)
def test_wrong_selections_are_refused_with_the_remedy(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_where(text)


def test_a_selection_without_a_match_names_the_nearest_value() -> None:
    with pytest.raises(UsageError, match="did you mean delegate=xnnpack"):
        select(CELLS, selection(delegate="xnpack"))
    with pytest.raises(UsageError, match="there is 1, 4"):
        select(CELLS, selection(threads="77"))


def test_values_may_hold_wildcards_and_cpus_may_be_a_mask() -> None:
    assert len(select(CELLS, selection(delegate="*p*"))) == 6
    assert len(select(CELLS, selection(cpus="f0"))) == 6
    assert len(select(CELLS, selection(cpus="big", threads="4"))) == 3


def test_cells_pair_by_what_the_selections_do_not_fix_differently() -> None:
    base, head = selection(delegate="cpu", threads="4"), selection(delegate="gpu", threads="4")
    assert fixed_apart(base, head) == ["delegate"]
    (pair,) = pair_cells(select(CELLS, base), select(CELLS, head), apart=fixed_apart(base, head))
    assert pair.base is not None
    assert pair.head is not None
    assert (pair.base.key.delegate, pair.head.key.delegate, pair.head.key.threads) == ("cpu", "gpu", 4)


def test_one_base_serves_all_that_differ_in_the_key_and_is_not_compared_with_itself() -> None:
    pairs = pair_cells(select(CELLS, selection(delegate="cpu")), CELLS, apart=["delegate"])
    assert [(p.shown.key.delegate, p.shown.key.threads) for p in pairs] == [
        ("gpu", 1),
        ("gpu", 4),
        ("xnnpack", 1),
        ("xnnpack", 4),
    ]


def test_the_suites_baseline_decides_between_several() -> None:
    pairs = pair_cells(CELLS, CELLS, apart=["delegate"], baseline={"delegate": "cpu"})
    assert {pair.base.key.delegate for pair in pairs if pair.base} == {"cpu"}
    with pytest.raises(UsageError, match="3 cells to compare") as raised:
        pair_cells(CELLS, CELLS, apart=["delegate"])
    assert "BASE@delegate=cpu" in str(raised.value.remedy)


def test_cells_of_one_side_only_are_kept() -> None:
    more = group_by_cell([result(1.0, delegate="nnapi")])
    pairs = pair_cells(CELLS[:1], more)
    assert [(pair.base is None, pair.head is None) for pair in pairs] == [(False, True), (True, False)]


def test_devices_pair_by_serial_or_as_the_only_two_of_a_kind() -> None:
    twin = replace(PHONE, serial="R5CT9")
    assert same_devices([PHONE, OTHER_PHONE], [PHONE, OTHER_PHONE]) == {"R5CT1": "R5CT1", "R5CT2": "R5CT2"}
    assert same_devices([PHONE], [twin, OTHER_PHONE]) == {"R5CT1": "R5CT9"}
    assert same_devices([PHONE], [twin, replace(PHONE, serial="R5CT8")]) == {}
    # The serial of a virtual device is a port: another profile may sit there the next time.
    virtual = replace(PHONE, serial="emulator-20000", virtual=True)
    assert same_devices([virtual], [replace(virtual, model="Virtual Old Phone", soc="x")]) == {}


def test_a_twin_takes_the_place_of_the_device() -> None:
    ours, theirs = group_by_cell(cell([1.0])), group_by_cell(cell([1.0], device="R5CT9"))
    (pair,) = pair_cells(ours, theirs, devices={PHONE.serial: "R5CT9"})
    assert pair.base is not None
    assert pair.head is not None


def test_start_states_keep_their_comma_and_the_very_word_wins() -> None:
    cells = group_by_cell([result(1.0, delegate="xnnpack"), result(2.0, delegate="xnnpack", start="cold")])
    assert parse_where("delegate=xnnpack, cold start,threads=1") == {"delegate": "xnnpack, cold start", "threads": "1"}
    (warm,) = select(cells, selection(delegate="xnnpack"))
    assert warm.key.delegate == "xnnpack"
    (cold,) = select(cells, selection(delegate="xnnpack, cold start"))
    assert cold.key.delegate == "xnnpack, cold start"
    assert len(select(cells, selection(delegate="xnnpack*"))) == 2


def test_binaries_of_one_run_are_told_apart() -> None:
    cells = group_by_cell([result(1.0, binary="main"), result(2.0, binary="change")])
    base, head = selection(binary="main"), selection(binary="change")
    (pair,) = pair_cells(select(cells, base), select(cells, head), apart=fixed_apart(base, head))
    assert pair.base is not None
    assert (pair.base.key.binary, pair.shown.key.binary) == ("main", "change")


@pytest.mark.parametrize("key", ["device", "model"])
def test_a_device_or_model_that_one_side_names_narrows_and_does_not_part(key: str) -> None:
    """`RUN@device=A` against `RUN` compares A with A, not A with every other device."""
    named, other, open_side = selection(**{key: "a"}), selection(**{key: "b"}), selection()
    assert fixed_apart(named, open_side) == []
    assert fixed_apart(open_side, named) == []
    assert fixed_apart(named, named) == []
    assert fixed_apart(named, other) == [key]


@pytest.mark.parametrize("key", ["delegate", "threads", "cpus", "binary"])
def test_any_other_key_that_one_side_names_parts(key: str) -> None:
    named, open_side = selection(**{key: "1"}), selection()
    assert fixed_apart(named, open_side) == [key]
    assert fixed_apart(open_side, named) == [key]
    assert fixed_apart(named, named) == []


def test_one_device_of_a_run_is_compared_with_itself_in_the_other() -> None:
    monday = group_by_cell([*cell([1.0]), *cell([2.0], device=OTHER_PHONE.serial)])
    tuesday = group_by_cell([*cell([3.0]), *cell([4.0], device=OTHER_PHONE.serial)])
    base, head = selection(device=PHONE.serial), selection()
    pairs = pair_cells(select(monday, base), select(tuesday, head), apart=fixed_apart(base, head))
    assert [(pair.shown.key.device, pair.base is not None) for pair in pairs] == [
        (PHONE.serial, True),
        (OTHER_PHONE.serial, False),
    ]
