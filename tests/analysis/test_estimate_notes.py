"""The notes beside an estimate, word by word, and from where on each of them stands there."""

from __future__ import annotations

import math
from typing import Any

import pytest

from harness.analysis.between_runs import BetweenRuns
from harness.analysis.comparability import Note
from harness.analysis.control import Controlled
from harness.analysis.estimate_notes import sample_notes, ways_of_comparing
from harness.analysis.metrics import Metric
from harness.analysis.pair_estimates import PairEstimate
from harness.analysis.ratio_interval import Estimate

LOOKS = ((5, 20),)


def estimate(**more: Any) -> Estimate:
    return Estimate(**{"design": "paired", "base_n": 10, "head_n": 10, "ratio": 1.0, **more})


@pytest.mark.parametrize(
    ("found", "notes"),
    [
        (estimate(), []),
        (estimate(base_n=5, head_n=5), [("level", "five blocks give an interval of 93.75 %, not 95 %")]),
        (estimate(base_n=6, head_n=6), []),
        (estimate(base_n=5, head_n=5, design="unpaired"), []),
        (
            estimate(looks=LOOKS, level=0.97),
            [
                (
                    "adaptive",
                    "the run chose its number of processes itself: the interval is at 97 %, which where it stops holds at "
                    "95 %, and the p-value allows for all its looks",
                )
            ],
        ),
        (
            estimate(looks=LOOKS, level=0.98123),
            [
                (
                    "selected",
                    "one of several cells with a verdict: the interval is at 98.1 %, so that of these at most 5 % miss",
                )
            ],
        ),
        (
            estimate(base_n=5, head_n=5, level=0.96),
            [
                (
                    "selected",
                    "one of several cells with a verdict: the interval is at 96 %, so that of these at most 5 % miss",
                )
            ],
        ),
        (
            estimate(set_aside=2),
            [
                (
                    "set_aside",
                    "2 of 10 blocks set aside: a process in them took far longer or shorter than its neighbours",
                )
            ],
        ),
        (
            estimate(resolution=0.0123),
            [("resolution", "the values are printed in steps: rounding alone may move the ratio by 1.2 %")],
        ),
        (
            estimate(drift=0.4321),
            [
                (
                    "drift",
                    "the runs drifted by up to 43.2 % while they ran: the interval allows for as much between them",
                )
            ],
        ),
    ],
)
def test_what_widens_an_interval_is_said(found: Estimate, notes: list[tuple[str, str]]) -> None:
    assert list(sample_notes(found)) == [Note(kind, text, False) for kind, text in notes]


@pytest.mark.parametrize(
    ("ratio", "means", "noted"),
    [
        (1.0, 1.0099, False),
        (1.0, 1.0101, True),
        (1.0, 1 / 1.0099, False),
        (1.0, 1 / 1.0101, True),
        # A factor of two is a change of 0.69 in logarithms: averages may part by a tenth of that.
        (2.0, 2 * math.exp(0.0693), False),
        (2.0, 2 * math.exp(0.0694), True),
        (0.5, 0.5 * math.exp(0.0693), False),
        (0.5, 0.5 * math.exp(-0.0694), True),
        (1.0, None, False),
        (None, 1.5, False),
    ],
)
def test_averages_that_part_from_the_ratio_are_noted(ratio: float | None, means: float | None, noted: bool) -> None:
    found = list(sample_notes(estimate(ratio=ratio, mean_ratio=means)))
    assert [note.kind for note in found] == ["means"] * noted
    if noted:
        text = f"the plain averages have a ratio of {means:.3g}: one side has slow processes more often"
        assert found == [Note("means", text, False)]


def test_every_way_of_comparing_but_the_usual_one_is_said() -> None:
    assert list(ways_of_comparing(PairEstimate(judged=estimate()), Metric.MEMORY)) == []
    found = PairEstimate(
        judged=estimate(),
        edge=0.256,
        control=Controlled(name="m cpu", base=(), head=(), moved=0.975, resolution=0.0),
        spread=BetweenRuns(deviation=0.0123, runs=6),
        no_control="no control: of different devices",
    )
    assert list(ways_of_comparing(found, Metric.MEMORY)) == [
        Note(
            "difference",
            "compared by differences, as not every value of memory is above 0; up to 0.26 MB counts as none",
            False,
        ),
        Note(
            "control",
            "measured in separate runs, each process divided by its block's control (m cpu); the control itself: -2.5 % in HEAD",
            False,
        ),
        Note(
            "between_runs",
            "measured in separate runs: the interval allows for how much runs of this device differ "
            "(standard deviation 1.2 %, from 6 runs)",
            False,
        ),
        Note("no_control", "no control: of different devices", False),
    ]
