from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.cell_selection import (
    Selection,
    fixed_apart,
    narrowed,
    pair_cells,
    parse_where,
    same_devices,
    select,
)
from harness.analysis.cells import CellResults, group_by_cell
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


def serials(base: list[CellResults], head: list[CellResults], devices: dict[str, str]) -> list[tuple[str, str]]:
    pairs = pair_cells(base, head, devices=devices)
    return [(pair.base.key.device, pair.head.key.device) for pair in pairs if pair.base and pair.head]


def test_devices_that_swapped_their_ports_pair_crosswise() -> None:
    ours = group_by_cell([result(1.0, device="A"), result(2.0, device="B")])
    theirs = group_by_cell([result(3.0, device="A"), result(4.0, device="B")])
    assert serials(ours, theirs, {"A": "B", "B": "A"}) == [("B", "A"), ("A", "B")]
    assert serials(ours, theirs, {}) == [("A", "A"), ("B", "B")]


def test_a_place_that_head_took_under_another_serial_is_not_missing() -> None:
    ours = group_by_cell([result(1.0, device="A"), result(2.0, device="A", model="gone")])
    theirs = group_by_cell([result(3.0, device="Z", delegate="gpu")])
    pairs = pair_cells(ours, theirs, apart=("delegate",), devices={"A": "Z"})
    assert [(pair.shown.key.model, pair.head is None) for pair in pairs] == [("gone", True), ("m", False)]


def test_two_fitting_base_cells_are_already_ambiguous_and_only_what_differs_is_listed() -> None:
    ours = group_by_cell([result(1.0), result(2.0, delegate="gpu")])
    theirs = group_by_cell([result(3.0, delegate="nnapi", threads=4)])
    with pytest.raises(UsageError) as raised:
        pair_cells(ours, theirs, apart=("delegate", "threads"))
    assert str(raised.value).startswith("BASE has 2 cells to compare m on R5CT1 with (delegate: cpu, gpu)")
    assert raised.value.remedy == "choose one, such as BASE@delegate=cpu"
    several = group_by_cell([result(1.0), result(2.0, delegate="gpu", threads=4)])
    with pytest.raises(UsageError) as raised:
        pair_cells(several, theirs, apart=("delegate", "threads"))
    assert raised.value.remedy == "choose one, such as BASE@delegate=cpu,threads=1"


def test_the_baseline_decides_only_where_several_fit() -> None:
    ours = group_by_cell([result(1.0, delegate="gpu")])
    theirs = group_by_cell([result(3.0, delegate="nnapi")])
    (pair,) = pair_cells(ours, theirs, apart=("delegate",), baseline={"delegate": "cpu"})
    assert pair.base is not None, "the only one fits, whatever the baseline is"
    both = group_by_cell([result(1.0), result(2.0, delegate="gpu")])
    (pair,) = pair_cells(both, theirs, apart=("delegate",), baseline={"threads": 7, "delegate": "cpu"})
    assert pair.base is not None
    assert pair.base.key.delegate == "cpu", "threads are a key by which cells pair, so the baseline's do not matter"


def test_of_a_place_that_head_lacks_the_baseline_alone_is_missing() -> None:
    ours = group_by_cell(
        [result(1.0, model=model, delegate=name) for model in ("m", "gone") for name in ("cpu", "gpu")]
    )
    theirs = group_by_cell([result(3.0, delegate="nnapi")])
    pairs = pair_cells(ours, theirs, apart=("delegate",), baseline={"delegate": "cpu"})
    assert [(pair.shown.key.model, pair.shown.key.delegate) for pair in pairs] == [("gone", "cpu"), ("m", "nnapi")]


def test_a_cell_that_ran_anew_is_compared_with_the_old_one() -> None:
    ours, again = group_by_cell([result(1.0)]), group_by_cell([result(1.5)])
    assert pair_cells(ours, ours) == []
    assert [pair.head for pair in pair_cells(ours, again)] == again


def test_a_side_is_narrowed_to_what_the_other_one_names() -> None:
    cells = group_by_cell([result(1.0, model=model, device=device) for model in "ab" for device in ("X", "Y")])

    def left(own: Selection, other: Selection) -> set[tuple[str, str]]:
        return {(cell.key.model, cell.key.device) for cell in narrowed(cells, own, other)}

    everything = {(model, device) for model in "ab" for device in "XY"}
    assert left(selection(), selection(model="a")) == {("a", "X"), ("a", "Y")}
    assert left(selection(), selection(model="a", device="Y")) == {("a", "Y")}
    assert left(selection(model="b"), selection(model="a")) == everything
    assert left(selection(model="b"), selection()) == everything
    assert left(selection(), selection(device="Z")) == everything, "its replacement may have another serial"
    assert left(selection(), selection(delegate="gpu")) == everything


def test_the_second_of_a_kind_is_replaced_by_the_only_one_left() -> None:
    second, twin = replace(PHONE, serial="R5CT3"), replace(PHONE, serial="R5CT9")
    assert same_devices([PHONE, second], [PHONE, twin]) == {"R5CT1": "R5CT1", "R5CT3": "R5CT9"}
    assert same_devices([PHONE, second], [twin]) == {}
    assert same_devices([PHONE], [OTHER_PHONE]) == {}
    assert same_devices([second, OTHER_PHONE], [replace(OTHER_PHONE, serial="Q"), twin]) == {
        "R5CT3": "R5CT9",
        "R5CT2": "Q",
    }


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("delegate=gpu(a=(1,threads=2),b=3),threads=4", {"delegate": "gpu(a=(1,threads=2),b=3)", "threads": "4"}),
        ("delegate=gpu),threads=4", {"delegate": "gpu)", "threads": "4"}),
        (" model = a b , threads = 4 ", {"model": "a b", "threads": "4"}),
        ("model=a,b", {"model": "a,b"}),
        ("model=a=b", {"model": "a=b"}),
    ],
)
def test_a_comma_divides_outside_brackets_and_before_a_key(text: str, where: dict[str, str]) -> None:
    assert parse_where(text) == where


def test_the_nearest_of_several_like_names_is_proposed() -> None:
    cells = group_by_cell(
        [result(1.0, model=model) for model in ("mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large")]
    )
    with pytest.raises(UsageError) as raised:
        select(cells, selection(model="mobilenet_v3_larg"))
    assert raised.value.remedy == "did you mean model=mobilenet_v3_large?"
    with pytest.raises(UsageError) as raised:
        parse_where("thread=1")
    assert raised.value.remedy == "did you mean 'threads'?"
    with pytest.raises(UsageError) as raised:
        select([], selection(model="a"))
    assert raised.value.remedy == "there is nothing"


def test_a_delegate_may_be_named_without_its_options() -> None:
    cells = group_by_cell(
        [
            replace(one, trial=replace(one.trial, delegate=replace(one.trial.delegate, options={"precision": "fp16"})))
            for one in [result(1.0, delegate="gpu")]
        ]
    )
    assert len(select(cells, selection(delegate="gpu"))) == 1
    with pytest.raises(UsageError):
        select(cells, selection(model="gpu"))
