"""A cell whose outputs are beyond the limits: no table, gate or headline shows its speed without the mark."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell, summaries
from harness.analysis.comparison import Table, compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.formats import comparison_words as words
from harness.formats.comparison_markdown import markdown
from harness.formats.comparison_text import as_text
from harness.formats.headline import headlines
from harness.formats.notebook import comparison_html
from harness.records import Purpose, Result, Status
from harness.records.causes import Cause
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise

MARK = "output differs"


def _results(*, wrong: str | None) -> list[Result]:
    """A faster delegate, with an accuracy trial of each; that of `wrong` found other outputs."""
    found = [
        *cell(noise(1, spread=0.001, count=16)),
        *cell(noise(2, 300.0, spread=0.001, count=16), delegate="gpu"),
    ]
    for name in ("cpu", "gpu"):
        like = next(one for one in found if one.trial.delegate.name == name)
        differs = name == wrong
        found.append(
            replace(
                like,
                trial=replace(like.trial, trial_id=f"a-{name}", purpose=Purpose.ACCURACY, process=0, block=99),
                status=Status.INVALID if differs else Status.OK,
                causes=(Cause.OUTPUT_DIFFERS,) if differs else (),
            )
        )
    return found


def _table(wrong: str | None, gate: float | None = 0.03) -> Table:
    cells = group_by_cell(_results(wrong=wrong))
    run = RunContext(run_id="a")
    pairs = pair_cells([one for one in cells if one.key.delegate == "cpu"], cells, apart=("delegate",))
    rules = Rules(gate=gate)
    return compare(pairs, run, run, metric=Metric.INFERENCE_AVG, rules=rules, apart=("delegate",), ops=False)


@pytest.mark.parametrize("wrong", ["cpu", "gpu"])
def test_a_gain_is_never_shown_without_the_mark(wrong: str) -> None:
    table = _table(wrong)
    [one] = table.comparisons
    assert one.verdict == "faster"
    assert one.output_differs
    assert words.verdict(one).endswith(f"({MARK})")
    assert words.gate(table) == f"not broken (in 1 of 1 cells the {MARK})"
    row = next(line for line in as_text(table, ops=0).splitlines() if "faster" in line)
    assert MARK in row
    assert MARK in next(line for line in markdown(table, "a", "b", ops=0).splitlines() if line.startswith("| 🟢"))
    assert MARK in comparison_html(table, "a", "b")
    [headline] = headlines(table, ["delegate"])
    assert MARK in headline.evidence()
    assert any(note.kind == "output_differs" for note in one.notes)


def test_a_right_answer_has_no_mark_and_its_accuracy_trial_is_no_latency() -> None:
    table = _table(None)
    [one] = table.comparisons
    assert not one.output_differs
    assert (one.base.n, one.head.n) == (16, 16)
    assert MARK not in as_text(table, ops=0) + markdown(table, "a", "b", ops=0) + words.gate(table)
    assert [(len(found.values_us), found.output_differs) for found in summaries(_results(wrong="gpu"))] == [
        (16, False),
        (16, True),
    ]
