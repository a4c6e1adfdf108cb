"""Which ops stand for which, as the page gets it: the groups of `harness compare`, whatever pair of cells is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.analysis.op_diff import op_diff
from harness.analysis.op_profile import OpRow, profile_of
from harness.report.cell_summaries import report_cells
from harness.report.op_pairs import KINDS, alignments
from harness.report.op_tables import op_data
from harness.report.verdicts import verdicts_of
from tests.report.review_runs import review_run
from tests.report.runs import demo_run


def _rows(*kinds: str) -> list[OpRow]:
    return [OpRow(index=i, node_type=kind, name=f"[{kind}]:{i}", costs_us=()) for i, kind in enumerate(kinds)]


def _expand(groups: list[int]) -> list[tuple[str, int, int]]:
    found = []
    for at in range(0, len(groups), 4):
        kind, base, head, count = groups[at : at + 4]
        found += [(KINDS[kind], base, head)] * count
    return found


def test_runs_of_groups_are_the_groups() -> None:
    base = _rows("CONV_2D", "ADD", "SOFTMAX")
    head = [OpRow(index=0, node_type="TfLiteGpuDelegateV2", name="gpu", costs_us=()), *_rows("SOFTMAX")]
    found, left_out = alignments([base, head], [(0, 1), (1, 0), (0, 0)])
    assert left_out == 0
    assert list(found) == [(0, 1), (0, 0)]  # the other way round is the same, mirrored
    assert _expand(found[0, 1]) == [("replaced", 2, 1), ("renamed", 1, 1)]
    assert found[0, 0] == [0, 1, 1, 3]


def test_what_would_take_too_long_is_left_out_and_counted() -> None:
    lists = [_rows("A", "B", "C"), _rows("A", "B", "D"), _rows("E")]
    found, left_out = alignments(lists, [(0, 1), (1, 2), (2, 1), (0, 2), (0, 0)], most_work=10)
    assert list(found) == [(0, 1), (0, 0)]
    assert left_out == 2


def test_sums_of_the_page_are_those_of_compare(tmp_path: Path) -> None:
    run = review_run(tmp_path / "run")
    cells = report_cells(run)
    data = op_data(cells, verdicts_of(run, cells, {}))
    pairs = [(base, head) for base in cells for head in cells if base.key.model == head.key.model and base is not head]
    assert len(pairs) == 36
    for base, head in pairs:
        ours, theirs = profile_of(base.results), profile_of(head.results)
        assert ours is not None
        assert theirs is not None
        wanted = op_diff(ours, theirs)
        left, right = (data["profiles"][data["cells"][cell.id]] for cell in (base, head))
        assert (left["run"], right["run"]) == pytest.approx((wanted.base_whole_us, wanted.head_whole_us), rel=1e-5)
        groups = _groups(data, left, right)
        assert [group[0] for group in groups] == [change.kind for change in wanted.changes]
        for (_, base_us, head_us), change in zip(groups, wanted.changes, strict=True):
            assert (base_us, head_us) == pytest.approx((change.base_us, change.head_us), rel=1e-4)


def _groups(data: Any, left: Any, right: Any) -> list[tuple[str, float, float]]:
    """What reports/js/pair.js does."""
    forward = data["aligned"].get(f"{left['list']},{right['list']}")
    mirrored = {"new": "gone", "gone": "new"}
    groups = forward or data["aligned"][f"{right['list']},{left['list']}"]
    found, i, j = [], 0, 0
    for kind, base, head in _expand(groups):
        ours, theirs = (base, head) if forward else (head, base)
        costs = (sum(left["cost"][i : i + ours]), sum(right["cost"][j : j + theirs]))
        found.append((kind if forward else mirrored.get(kind, kind), *costs))
        i, j = i + ours, j + theirs
    return found


def test_every_pair_of_a_model_can_be_chosen(tmp_path: Path) -> None:
    run = demo_run(tmp_path / "run")
    data = op_data(report_cells(run))
    assert data["unaligned"] == 0
    assert set(data["aligned"]) == {"0,0", "0,1", "1,1"}
