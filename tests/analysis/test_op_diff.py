from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.op_alignment import align
from harness.analysis.op_diff import OpDiff, op_diff
from harness.analysis.op_profile import OpProfile, OpRow, profile_of
from harness.benchmark_model import parse_output
from harness.records import Purpose
from tests.analysis.made_up import op, result

LOGS = Path(__file__).resolve().parent.parent / "litert_host" / "data"


def rows(*names: tuple[str, str, float]) -> tuple[OpRow, ...]:
    return tuple(
        OpRow(index=index, node_type=kind, name=name, costs_us=(cost,))
        for index, (kind, name, cost) in enumerate(names)
    )


def profile(*names: tuple[str, str, float], outside: float = 5.0) -> OpProfile:
    return OpProfile(rows=rows(*names), whole_us=sum(cost for *_, cost in names) + outside, processes=1)


def shape(diff: OpDiff) -> list[tuple[str, int, int, float]]:
    return [(c.kind, len(c.base), len(c.head), c.change_us) for c in diff.changes]


def adds_up(diff: OpDiff) -> bool:
    total = math.fsum(change.change_us for change in diff.changes) + diff.unexplained_us
    return total == pytest.approx(diff.change_us)


CPU = (
    ("CONV_2D", "[conv1]:0", 100.0),
    ("DEPTHWISE_CONV_2D", "[dw]:1", 50.0),
    ("CONV_2D", "[conv2]:2", 80.0),
    ("CAST", "[cast]:3", 10.0),
    ("SOFTMAX", "[out]:4", 5.0),
)


def test_the_same_graph_pairs_op_by_op() -> None:
    slower = [(kind, name, cost * 1.1) for kind, name, cost in CPU]
    diff = op_diff(profile(*CPU), profile(*slower))
    assert [kind for kind, *_ in shape(diff)] == ["same"] * 5
    assert diff.changes[0].change_us == pytest.approx(10.0)
    assert diff.changes[0].share == pytest.approx(100 / 245)
    assert diff.unexplained_us == pytest.approx(0.0)
    assert adds_up(diff)


def test_an_opaque_delegate_stands_for_the_ops_it_took() -> None:
    head = profile(
        ("TfLiteGpuDelegateV2", "[conv2]:5", 60.0), CPU[3], ("TfLiteGpuDelegateV2", "[out]:6", 8.0), outside=9.0
    )
    diff = op_diff(profile(*CPU), head)
    assert shape(diff) == [("replaced", 3, 1, -170.0), ("same", 1, 1, 0.0), ("replaced", 1, 1, 3.0)]
    assert diff.unexplained_us == pytest.approx(4.0)
    assert adds_up(diff)


def test_a_delegate_that_shows_its_ops_pairs_them_by_kind() -> None:
    head = profile(
        ("Convolution (NHWC, F32) IGEMM", "Delegate/Convolution (NHWC, F32) IGEMM:0", 40.0),
        ("Convolution (NHWC, F32) DWConv", "Delegate/Convolution (NHWC, F32) DWConv:1", 20.0),
        ("Fully Connected (NC, F32) GEMM", "Delegate/Fully Connected (NC, F32) GEMM:2", 30.0),
        CPU[3],
        ("Softmax (NC, F32)", "Delegate/Softmax (NC, F32):0", 2.0),
    )
    diff = op_diff(profile(*CPU), head)
    assert shape(diff) == [
        ("renamed", 1, 1, -60.0),
        ("renamed", 1, 1, -30.0),
        ("renamed", 1, 1, -50.0),
        ("same", 1, 1, 0.0),
        ("renamed", 1, 1, -3.0),
    ]


def test_a_renamed_kernel_of_the_same_tensor_is_one_op() -> None:
    diff = op_diff(profile(*CPU), profile(("CUSTOM_FAST_CONV", "[conv1]:0", 70.0), *CPU[1:]))
    assert shape(diff)[0] == ("renamed", 1, 1, -30.0)


def test_new_and_gone_ops_are_their_own_lines() -> None:
    diff = op_diff(profile(*CPU), profile(*CPU[:3], ("QUANTIZE", "[extra]:9", 7.0), CPU[4]))
    assert shape(diff)[3] == ("replaced", 1, 1, -3.0)
    assert adds_up(diff)
    added = op_diff(profile(*CPU), profile(*CPU, ("QUANTIZE", "[extra]:9", 7.0)))
    assert shape(added)[-1] == ("new", 0, 1, 7.0)
    removed = op_diff(profile(*CPU), profile(*CPU[:2], *CPU[3:]))
    assert ("gone", 1, 0, -80.0) in shape(removed)


def test_an_op_more_does_not_shift_the_rest_of_a_delegates_ops() -> None:
    # XNNPACK numbers its ops: one more at the front renames all the others.
    def delegate(*kinds: str) -> list[tuple[str, str, float]]:
        return [(kind, f"Delegate/{kind}:{number}", 10.0) for number, kind in enumerate(kinds)]

    short = delegate("Convolution IGEMM", "Add (ND)", "Convolution IGEMM", "Softmax (NC, F32)")
    longer = delegate(
        "Constant Pad (ND, X32)", "Convolution IGEMM", "Add (ND)", "Convolution IGEMM", "Softmax (NC, F32)"
    )
    diff = op_diff(profile(*short), profile(*longer))
    assert [kind for kind, *_ in shape(diff)] == ["new", "renamed", "renamed", "renamed", "renamed"]
    assert all(change.base[0].node_type == change.head[0].node_type for change in diff.changes[1:])


def test_without_a_change_there_are_no_shares() -> None:
    diff = op_diff(profile(*CPU), profile(*CPU))
    assert diff.unexplained_share is None
    assert {change.share for change in diff.changes} == {None}


names = st.sampled_from(["CONV_2D", "ADD", "SOFTMAX", "TfLiteXNNPackDelegate", "Convolution (NHWC, F32) IGEMM", "odd"])
ops = st.lists(
    st.tuples(names, st.sampled_from(["[a]:0", "[b]:1", "[c]:2", "Delegate/x:0"]), st.floats(0, 1000)), max_size=12
)


@settings(max_examples=60)
@given(ops, ops)
def test_every_op_is_in_one_group_and_the_sum_is_the_change(
    base: list[tuple[str, str, float]], head: list[tuple[str, str, float]]
) -> None:
    diff = op_diff(profile(*base), profile(*head))
    assert adds_up(diff)
    assert [row for change in diff.changes for row in change.base] == list(profile(*base).rows)
    assert [row for change in diff.changes for row in change.head] == list(profile(*head).rows)
    assert all(change.base or change.head for change in diff.changes)


def recorded(name: str) -> OpProfile:
    text = (LOGS / name).read_bytes()
    parsed = parse_output(text, exit_code=0)
    one = result(None, purpose=Purpose.PROFILE)
    found = profile_of([replace(one, measurement=parsed.measurement)])
    assert found is not None
    return found


def test_recorded_profiles_of_xnnpack_and_of_the_builtin_kernels() -> None:
    diff = op_diff(recorded("03_opprof_xnnfalse_fp32.log"), recorded("02_opprof_stdout_fp32.log"))
    assert adds_up(diff)
    assert diff.change_us < 0
    assert abs(diff.unexplained_us) < 0.02 * abs(diff.change_us)
    paired = [change for change in diff.changes if change.base and change.head]
    assert len(paired) >= 60
    kinds = {("DEPTHWISE_CONV_2D", "DWConv"), ("ADD", "Add"), ("SOFTMAX", "Softmax")}
    for change in paired:
        for builtin, kernel in kinds:
            assert (change.base[0].node_type == builtin) == (kernel in change.head[0].node_type)


def test_alignment_of_nothing() -> None:
    assert align((), ()) == []
    assert align(rows(*CPU[:1]), ()) == [(rows(*CPU[:1]), ())]


def test_ops_profiled_often_enough_get_an_interval() -> None:
    def cell_of(factor: float) -> OpProfile:
        found = profile_of(
            [
                result(10 * factor, purpose=Purpose.PROFILE, block=b, ops=[op(0, "A", "[a]", factor * (8 + 0.01 * b))])
                for b in range(6)
            ]
        )
        assert found is not None
        return found

    (change,) = op_diff(cell_of(1.0), cell_of(1.5)).changes
    assert change.estimate is not None
    assert change.estimate.ratio == pytest.approx(1.5, abs=0.01)
    assert change.estimate.drift == 0


def _cell(costs: Sequence[float], whole: float = 100.0) -> OpProfile:
    found = profile_of(
        [
            result(whole, purpose=Purpose.PROFILE, block=block, ops=[op(0, "A", "[a]", cost)])
            for block, cost in enumerate(costs)
        ]
    )
    assert found is not None
    return found


@pytest.mark.parametrize(("base", "head"), [([0.0] * 6, [4.0] * 6), ([4.0] * 6, [4.0] * 5 + [0.0])])
def test_an_op_that_cost_nothing_in_a_process_has_a_change_and_no_ratio(base: list[float], head: list[float]) -> None:
    (change,) = op_diff(_cell(base), _cell(head)).changes
    assert change.estimate is None
    assert change.change_us == _cell(head).rows[0].cost_us - _cell(base).rows[0].cost_us


def test_an_interval_of_an_op_needs_five_processes_a_side() -> None:
    four, five = _cell([4.0, 4.1, 4.2, 4.3]), _cell([4.0, 4.1, 4.2, 4.3, 4.4])
    assert [op_diff(*sides).changes[0].estimate for sides in ((four, five), (five, four))] == [None, None]
    estimate = op_diff(five, five).changes[0].estimate
    assert estimate is not None
    assert (estimate.ratio, estimate.base_n, estimate.head_n) == (1.0, 5, 5)


def test_ops_of_separate_runs_allow_for_drift() -> None:
    moving, still = _cell([4.0, 4.1, 4.2, 4.3, 4.4, 4.5]), _cell([4.0, 4.1] * 3)
    together, apart = (op_diff(moving, still, interleaved=mixed).changes[0].estimate for mixed in (True, False))
    assert together is not None
    assert apart is not None
    assert together.drift == 0 < apart.drift


def test_what_no_op_explains_has_a_share_of_its_own() -> None:
    diff = op_diff(_cell([10.0], 30.0), _cell([14.0], 40.0))
    assert (diff.change_us, diff.unexplained_us, diff.unexplained_share) == (10.0, 6.0, 0.6)
    assert [change.share for change in diff.changes] == [0.4]
    assert (diff.base_processes, diff.head_processes) == (1, 1)


def test_the_largest_contribution_comes_first_whatever_its_sign() -> None:
    base = profile(("A", "[a]:0", 10.0), ("B", "[b]:1", 10.0), ("C", "[c]:2", 10.0))
    head = profile(("A", "[a]:0", 12.0), ("B", "[b]:1", 1.0), ("C", "[c]:2", 15.0))
    assert [change.base[0].node_type for change in op_diff(base, head).by_contribution()] == ["B", "C", "A"]


def test_an_op_of_half_a_microsecond_has_a_ratio() -> None:
    (change,) = op_diff(_cell([0.5] * 5), _cell([0.25] * 5)).changes
    assert change.estimate is not None
    assert change.estimate.ratio == pytest.approx(0.5)


def test_a_whole_that_did_not_change_gives_its_parts_no_share() -> None:
    same = op_diff(profile(*CPU), profile(*CPU))
    assert [change.share for change in same.changes] == [None] * 5
    assert same.unexplained_share is None
    slower = [(kind, name, 2 * cost) for kind, name, cost in CPU]
    found = op_diff(profile(*CPU), profile(*slower, outside=15.0))
    assert found.change_us == pytest.approx(255.0)
    assert [change.share for change in found.changes] == pytest.approx([cost / 255 for *_, cost in CPU])
    assert found.unexplained_share == pytest.approx(10 / 255)
    assert [change.change_us for change in found.by_contribution()] == [100.0, 80.0, 50.0, 10.0, 5.0]
    faster = op_diff(profile(*slower), profile(*CPU))
    assert [change.change_us for change in faster.by_contribution()] == [-100.0, -80.0, -50.0, -10.0, -5.0]
    less = op_diff(profile(("A", "a", 0.0)), profile(("A", "a", 0.0), outside=2.0))
    assert str(less.changes[0].share) == "0.0", "never a minus zero"
