"""Which ops of one profile stand for which of another: kinds by name, nodes by tensor, the rest by order."""

from __future__ import annotations

import random

import pytest

from harness.analysis.op_alignment import align, is_renamed, kind_of, node_of, tensors_of
from harness.analysis.op_profile import OpRow


def row(node_type: str, name: str = "", index: int = 0) -> OpRow:
    return OpRow(index=index, node_type=node_type, name=name, costs_us=(1.0,))


def rows(*ops: str) -> list[OpRow]:
    """`KIND name` each."""
    return [row(kind, name, index) for index, (kind, _, name) in enumerate(op.partition(" ") for op in ops)]


def aligned(base: list[OpRow], head: list[OpRow]) -> list[tuple[str, str]]:
    """Indices of both sides by group: `("0 1", "0")`."""
    return [tuple(" ".join(str(one.index) for one in side) for side in group) for group in align(base, head)]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("node_type", "kind"),
    [
        ("CONV_2D", "convolution"),
        ("Convolution (NHWC, F32) IGEMM", "convolution"),
        ("Fully Connected (NC, F32) GEMM", "convolution"),
        ("FULLY_CONNECTED", "convolution"),
        ("DEPTHWISE_CONV_2D", "depthwise"),
        ("Convolution (NHWC, F32) DWConv", "depthwise"),
        ("VMulCAddC (NC, F32)", "depthwise"),
        ("TRANSPOSE_CONV", "deconvolution"),
        ("Deconvolution (NHWC, F32)", "deconvolution"),
        ("BATCH_MATMUL", "matmul"),
        ("Batch Matrix Multiply (NC, F32)", "matmul"),
        ("SOFTMAX", "softmax"),
        ("AVERAGE_POOL_2D", "mean"),
        ("Global Average Pooling (NWC, F32)", "mean"),
        ("MEAN", "mean"),
        ("MAX_POOL_2D", "max-pool"),
        ("ARG_MAX", "arg-max"),
        ("ADD", "add"),
        ("ADD_N", "add"),
        ("Add (ND, F32)", "add"),
        ("SUB", "subtract"),
        ("MUL", "multiply"),
        ("DIV", "divide"),
        ("CONCATENATION", "concatenation"),
        ("RESHAPE", "copy"),
        ("Copy (NC, X32)", "copy"),
        ("PAD", "pad"),
        ("Constant Pad (ND, X32)", "pad"),
        ("RESIZE_BILINEAR", "resize"),
        ("TRANSPOSE", "transpose"),
        ("LOGISTIC", "sigmoid"),
        ("Sigmoid (NC, F32)", "sigmoid"),
        ("HARD_SWISH", "hard-swish"),
        ("TANH", "tanh"),
        ("PRELU", "prelu"),
        ("LEAKY_RELU", "leaky-relu"),
        ("RELU6", "clamp"),
        ("Clamp (NC, F32)", "clamp"),
        ("DEQUANTIZE", "convert"),
        ("Convert (NC, F32, QS8)", "convert"),
        ("STRIDED_SLICE", "slice"),
        ("SPLIT", "slice"),
        ("CUSTOM", None),
        ("TfLiteXNNPackDelegate", None),
        ("TfLiteGpuDelegateV2", None),
        ("DELEGATE", None),
    ],
)
def test_kernels_of_one_sort_are_one_kind_whoever_runs_them(node_type: str, kind: str | None) -> None:
    assert kind_of(row(node_type)) == kind


@pytest.mark.parametrize(
    ("node_type", "name", "tensors"),
    [
        ("CONV_2D", "[MobilenetV2/Conv/Relu6]:0", ("MobilenetV2/Conv/Relu6",)),
        ("CONV_2D", "[conv]", ("conv",)),
        ("SPLIT", "[a, b]:12", ("a", "b")),
        ("CONV_2D", "[]:3", ()),
        ("CONV_2D", "Delegate/Convolution:0", ()),
        ("CONV_2D", "[conv]:x", ()),
        ("TfLiteXNNPackDelegate", "[out]:7", ()),
        ("TfLiteGpuDelegateV2", "[out]:7", ()),
    ],
)
def test_an_op_is_the_node_whose_output_tensors_it_names(node_type: str, name: str, tensors: tuple[str, ...]) -> None:
    one = row(node_type, name)
    assert tensors_of(one) == tensors
    assert (node_of(one) is not None) is (bool(tensors) or name == "[]:3")


def test_a_renamed_op_is_of_the_same_node_or_kind() -> None:
    assert is_renamed(row("CONV_2D", "[a]:0"), row("Fully Connected (NC, F32) GEMM", "Delegate/x:3"))
    assert is_renamed(row("CUSTOM", "[a]:0"), row("SOMETHING", "[a]:4"))
    assert is_renamed(row("CUSTOM", "x:0"), row("CUSTOM", "y:0"))
    assert not is_renamed(row("CUSTOM", "[a]:0"), row("SOMETHING", "[b]:0"))
    assert not is_renamed(row("CONV_2D", "[a]:0"), row("ADD", "[b]:0"))
    assert not is_renamed(row("CUSTOM", "x:0"), row("SOMETHING", "x:0"))


def test_equal_sides_pair_row_by_row() -> None:
    same = rows("CUSTOM a", "CUSTOM a", "ADD b")
    assert aligned(same, same) == [("0", "0"), ("1", "1"), ("2", "2")]
    assert aligned([], []) == []


def test_one_side_alone_is_gone_or_new_op_by_op() -> None:
    two = rows("CONV_2D [a]:0", "ADD [b]:1")
    assert aligned(two, []) == [("0", ""), ("1", "")]
    assert aligned([], two) == [("", "0"), ("", "1")]


def test_named_nodes_pair_across_what_lies_between() -> None:
    base = rows("CONV_2D [a]:0", "PAD [p]:1", "ADD [b]:2", "SOFTMAX [c]:3")
    head = rows("CONV_2D [a]:0", "ADD [b]:1", "TANH [t]:2", "SOFTMAX [c]:3")
    assert aligned(base, head) == [("0", "0"), ("1", ""), ("2", "1"), ("", "2"), ("3", "3")]


def test_a_delegate_s_one_row_stands_for_all_that_it_took() -> None:
    base = rows("CONV_2D [a]:0", "DEPTHWISE_CONV_2D [b]:1", "ADD [c]:2", "CUSTOM [d]:3")
    head = rows("TfLiteXNNPackDelegate [c]:4", "CUSTOM [d]:3")
    assert aligned(base, head) == [("0 1 2", "0"), ("3", "1")]
    assert aligned(head, base) == [("0", "0 1 2"), ("1", "3")]


def test_a_kernel_of_the_same_name_is_nearer_than_one_of_the_same_kind() -> None:
    base = rows("CONV_2D x:0", "MUL y:1")
    head = rows("FULLY_CONNECTED z:0", "CONV_2D x:1", "MUL y:2")
    assert aligned(base, head) == [("", "0"), ("0", "1"), ("1", "2")]
    # The same kernel under another name is nearer than another kernel of its kind ...
    assert aligned(rows("CONV_2D x:0"), rows("FULLY_CONNECTED z:0", "CONV_2D q:1")) == [("", "0"), ("0", "1")]
    # ... and the one of the same name nearer than either. The number behind a name is its place, no part of it.
    assert aligned(rows("CONV_2D x:0"), rows("CONV_2D q:0", "CONV_2D x:7")) == [("", "0"), ("0", "1")]


def test_two_matches_of_kind_outweigh_one_of_name_and_order_is_kept() -> None:
    base = rows("CONV_2D x:0", "ADD y:1", "SOFTMAX s:2")
    head = rows("Add:0 n0", "Fully Connected GEMM n1")
    head = [row("Add (ND)", "n0", 0), row("Convolution IGEMM", "n1", 1), row("Softmax (NC)", "n2", 2)]
    # Either the convolution or the addition can be matched before the softmax, not both.
    groups = aligned(base, head)
    assert ("2", "2") in groups
    assert sum(bool(ours) and bool(theirs) for ours, theirs in groups) == 2


def test_the_longest_chain_of_nodes_in_the_same_order_is_kept() -> None:
    base = rows(*(f"CUSTOM [{name}]:0" for name in "abcdef"))
    head = rows(*(f"OTHER [{name}]:0" for name in "fabdce"))
    pairs = [(ours, theirs) for ours, theirs in aligned(base, head) if len(ours) == len(theirs) == 1]
    # a b d e or a b c e: four of six go the same way; which of c and d is a matter of taste.
    assert ("0", "1") in pairs
    assert ("1", "2") in pairs
    assert ("4", "5") in pairs
    assert len([pair for pair in pairs if pair in {("2", "4"), ("3", "3")}]) == 1


def test_nodes_of_one_name_are_told_apart_by_their_turn() -> None:
    base = rows("CONV_2D [a]:0", "ADD [a]:1", "MUL [z]:2")
    head = rows("TANH [y]:0", "CONV_2D [a]:1", "ADD [a]:2")
    assert aligned(base, head) == [("", "0"), ("0", "1"), ("1", "2"), ("2", "")]


def test_among_equal_ops_the_first_that_fit_are_matched() -> None:
    """Which of several equal ones stands for another is a matter of taste, but the same each time: the earlier ones."""
    assert aligned(rows("ADD x:0", "ADD x:1"), rows("ADD x:0")) == [("0", "0"), ("1", "")]
    assert aligned(rows("ADD x:0"), rows("ADD x:0", "ADD x:1")) == [("0", "0"), ("", "1")]


def test_one_of_the_same_kernel_outweighs_one_of_the_same_kind_but_not_two() -> None:
    """Likeness of kernel 3, of kind 2: two of kind are worth more than one of kernel that crosses both."""
    base = [row("CONV_2D", "a", 0), row("MUL", "b", 1), row("ADD", "c", 2)]
    head = [row("Multiply", "d", 0), row("Add", "e", 1), row("CONV_2D", "f", 2)]
    assert [pair for pair in aligned(base, head) if all(pair)] == [("1", "0"), ("2", "1")]
    one = [row("CONV_2D", "a", 0), row("MUL", "b", 1)]
    other = [row("Multiply", "d", 0), row("CONV_2D", "f", 1)]
    assert [pair for pair in aligned(one, other) if all(pair)] == [("0", "1")]


def test_kernel_and_name_outweigh_the_kernel_alone_but_not_two_kinds() -> None:
    """Likeness of kernel and name 4, of kernel 3: one of the former before one of the latter, and two of kind are as good."""
    base = [row("CONV_2D", "a", 0), row("MUL", "b", 1)]
    head = [row("MUL", "x", 0), row("CONV_2D", "a", 1)]
    assert [pair for pair in aligned(base, head) if all(pair)] == [("0", "1")]
    assert [pair for pair in aligned(head, base) if all(pair)] == [("1", "0")]


def test_ops_without_a_kind_match_their_own_kernel_only() -> None:
    assert [
        pair for pair in aligned([row("CUSTOM", "a", 0)], [row("CUSTOM", "b", 0), row("ODD", "a", 1)]) if all(pair)
    ] == [("0", "0")]
    # One group of what is left between: an op of another sort stands for it as a whole, though it does not match.
    assert aligned([row("CUSTOM", "a", 0)], [row("ODD", "a", 0)]) == [("0", "0")]
    assert not is_renamed(row("CUSTOM", "a", 0), row("ODD", "a", 0))


KERNELS = {"CONV_2D": "c", "FULLY_CONNECTED": "c", "ADD": "a", "Add (ND)": "a", "CUSTOM": None, "OTHER": None}


def likeness(ours: OpRow, theirs: OpRow) -> int:
    if ours.node_type == theirs.node_type:
        return 4 if ours.name == theirs.name else 3
    kind = KERNELS[ours.node_type]
    return 2 if kind is not None and kind == KERNELS[theirs.node_type] else 0


def best_sum(base: list[OpRow], head: list[OpRow]) -> int:
    """The largest sum of likenesses of pairs in the order of both sides, by trying all."""
    if not base:
        return 0
    first, rest = base[0], base[1:]
    return max(
        best_sum(rest, head),
        *(likeness(first, one) + best_sum(rest, head[at + 1 :]) for at, one in enumerate(head) if likeness(first, one)),
        0,
    )


def test_what_is_matched_is_as_alike_as_can_be() -> None:
    """Against all ways to match: ops in the order of both sides, and the largest sum of 4 for kernel and name, 3 for kernel, 2 for kind."""
    rng = random.Random(1)
    for _ in range(150):
        base, head = (
            [row(rng.choice([*KERNELS]), rng.choice("xy"), index) for index in range(rng.randrange(1, 6))] for _ in "ab"
        )
        groups = align(base, head)
        assert [one for ours, _ in groups for one in ours] == base
        assert [one for _, theirs in groups for one in theirs] == head
        matched = sum(likeness(*ours, *theirs) for ours, theirs in groups if len(ours) == len(theirs) == 1)
        assert matched == best_sum(base, head)
