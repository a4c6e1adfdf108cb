"""Matches the ops of two profiles. Pure.

Each step takes the ops that the one before left over:

1.  Ops that name the same tensors (`[MobilenetV2/Conv/Relu6]:0`) are the same node of the graph wherever they run.
2.  Between those, both sides are aligned in execution order: an op may match one of the same kind under another name (a renamed kernel, or
    XNNPACK's `Fully Connected (NC, F32) GEMM` for a 1x1 `CONV_2D`).
3.  Ops left between two matches on both sides form one group, such as the single row of a delegate that hides its inside and all the ops
    that it took. Ops left on one side only are gone, or new.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence

from harness.analysis.op_profile import OpRow

Group = tuple[tuple[OpRow, ...], tuple[OpRow, ...]]
"""Matching ops of base and of head; one side may be empty."""

_TENSOR_NAME = re.compile(r"(\[.*\])(?::\d+)?$", re.DOTALL)
_WHOLE_DELEGATE = re.compile(r"delegate(v\d+)?$", re.IGNORECASE)
_LAST_NUMBER = re.compile(r":\d+$")

# Patterns cover the names of built-in operators and of the kernels of XNNPACK and the GPU delegate. Order matters: a depthwise convolution
# is a convolution too. XNNPACK runs 1x1 convolutions as fully connected ones, so the two are one kind.
_KINDS = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"transpose_?conv|deconv", "deconvolution"),
        (r"depthwise|dwconv|vmulcaddc", "depthwise"),
        (r"conv(?!ert)|fully.?connected|\bgemm\b", "convolution"),
        (r"batch.?mat.?mul|batch matrix", "matmul"),
        (r"soft_?max", "softmax"),
        (r"average.?pool|\bmean\b|global.?average", "mean"),
        (r"max.?pool", "max-pool"),
        (r"arg_?max", "arg-max"),
        (r"^add\b|^add_n", "add"),
        (r"^sub", "subtract"),
        (r"^mul", "multiply"),
        (r"^div", "divide"),
        (r"^concat", "concatenation"),
        (r"reshape|^copy\b", "copy"),
        (r"^pad|constant pad|mirror_pad", "pad"),
        (r"resize.?bilinear", "resize"),
        (r"transpose", "transpose"),
        (r"logistic|sigmoid", "sigmoid"),
        (r"hard_?swish", "hard-swish"),
        (r"^tanh", "tanh"),
        (r"prelu", "prelu"),
        (r"leaky", "leaky-relu"),
        (r"relu|clamp", "clamp"),
        (r"quantize|convert", "convert"),
        (r"slice|split", "slice"),
    )
)


def align(base: Sequence[OpRow], head: Sequence[OpRow]) -> list[Group]:
    """Divide the ops of both sides into matching groups, in execution order. Each op is in exactly one group."""
    if [(row.node_type, row.name) for row in base] == [(row.node_type, row.name) for row in head]:
        return [((ours,), (theirs,)) for ours, theirs in zip(base, head, strict=True)]
    return _grouped(base, head, _anchors(base, head), _between)


def kind_of(row: OpRow) -> str | None:
    """Return the kind of an op, whatever runs it; None if its name does not tell, or if the row is a whole delegate."""
    if _WHOLE_DELEGATE.search(row.node_type):
        return None
    return next((kind for pattern, kind in _KINDS if pattern.search(row.node_type)), None)


def node_of(row: OpRow) -> str | None:
    """Return the names of the op's output tensors, which identify a node of the graph.

    None for ops inside a delegate, and for the row of a whole delegate: its outputs are those of the last op that it took.
    """
    found = _TENSOR_NAME.match(row.name)
    return found.group(1) if found and not _WHOLE_DELEGATE.search(row.node_type) else None


def tensors_of(row: OpRow) -> tuple[str, ...]:
    """Return the names of an op's output tensors; empty where `node_of` gives None."""
    node = node_of(row)
    return tuple(node[1:-1].split(", ")) if node is not None and node != "[]" else ()


def is_renamed(base: OpRow, head: OpRow) -> bool:
    """Say whether two ops with different names match: they are the same node of the graph, or of the same kind."""
    node = node_of(base)
    return (node is not None and node == node_of(head)) or _likeness(_features(base), _features(head)) > 0


def _grouped(
    base: Sequence[OpRow],
    head: Sequence[OpRow],
    matches: Sequence[tuple[int, int]],
    gap: Callable[[Sequence[OpRow], Sequence[OpRow]], list[Group]],
) -> list[Group]:
    """One group for each match, with the groups that `gap` makes of the ops between two matches."""
    groups: list[Group] = []
    i = j = 0
    for next_i, next_j in matches:
        groups += [*gap(base[i:next_i], head[j:next_j]), ((base[next_i],), (head[next_j],))]
        i, j = next_i + 1, next_j + 1
    return groups + gap(base[i:], head[j:])


def _anchors(base: Sequence[OpRow], head: Sequence[OpRow]) -> list[tuple[int, int]]:
    places = {node: index for index, node in enumerate(_nodes(head)) if node is not None}
    pairs = [(index, places[node]) for index, node in enumerate(_nodes(base)) if node in places]
    return _increasing(pairs)


def _nodes(rows: Sequence[OpRow]) -> list[tuple[str, int] | None]:
    """The node of each row, with a number that tells several of one name apart."""
    seen: Counter[str] = Counter()
    nodes: list[tuple[str, int] | None] = []
    for row in rows:
        node = node_of(row)
        nodes.append((node, seen[node]) if node is not None else None)
        if node is not None:
            seen[node] += 1
    return nodes


def _increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence of the pairs whose second members increase too (patience sorting)."""
    tails: list[int] = []
    tops: list[int] = []
    before: list[int | None] = []
    for index, (_, place) in enumerate(pairs):
        pile = bisect_left(tails, place)
        before.append(tops[pile - 1] if pile else None)
        if pile == len(tails):
            tails.append(place)
            tops.append(index)
        else:
            tails[pile], tops[pile] = place, index
    chain: list[tuple[int, int]] = []
    at = tops[-1] if tops else None
    while at is not None:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]


def _between(base: Sequence[OpRow], head: Sequence[OpRow]) -> list[Group]:
    return _grouped(base, head, _best_matches(base, head), _rest)


def _rest(base: Sequence[OpRow], head: Sequence[OpRow]) -> list[Group]:
    if base and head:
        return [(tuple(base), tuple(head))]
    return [((row,), ()) for row in base] + [((), (row,)) for row in head]


def _best_matches(base: Sequence[OpRow], head: Sequence[OpRow]) -> list[tuple[int, int]]:
    """Pairs in the order of both sides with the largest sum of likenesses (Needleman and Wunsch's recursion, gaps free)."""
    # A graph of a thousand ops has a few dozen sorts of ops: compute each pair of sorts once.
    sorts, columns = _numbered([_features(row) for row in head])
    by_sort = {ours: [_likeness(ours, theirs) for theirs in sorts] for ours in {_features(row) for row in base}}
    likenesses = [by_sort[_features(row)] for row in base]
    best = [[0] * (len(head) + 1) for _ in range(len(base) + 1)]
    for i in range(len(base) - 1, -1, -1):
        row, below, likeness_of = best[i], best[i + 1], likenesses[i]
        for j in range(len(head) - 1, -1, -1):
            likeness = likeness_of[columns[j]]
            top = below[j] if below[j] > row[j + 1] else row[j + 1]
            row[j] = below[j + 1] + likeness if likeness and below[j + 1] + likeness > top else top
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(base) and j < len(head):
        likeness = likenesses[i][columns[j]]
        if likeness and best[i][j] == best[i + 1][j + 1] + likeness:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


_Features = tuple[str, str, str | None]


def _numbered(features: Sequence[_Features]) -> tuple[list[_Features], list[int]]:
    """The distinct ones, and the index of each given one among them."""
    numbers: dict[_Features, int] = {}
    return list(dict.fromkeys(features)), [numbers.setdefault(one, len(numbers)) for one in features]


def _features(row: OpRow) -> _Features:
    return row.node_type, _LAST_NUMBER.sub("", row.name), kind_of(row)


def _likeness(ours: _Features, theirs: _Features) -> int:
    if ours[2] is None and ours[0] != theirs[0]:
        return 0
    if ours[:2] == theirs[:2]:
        return 4
    if ours[0] == theirs[0]:
        return 3
    return 2 if ours[2] is not None and ours[2] == theirs[2] else 0
