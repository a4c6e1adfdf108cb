"""How the answer of a bisection is put into words."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli.bisect_show import print_bisection
from harness.experiments.bisect_places import Place
from harness.experiments.bisect_records import Measured, Part
from harness.experiments.bisect_search import Search
from harness.experiments.bisect_state import BisectQuestion
from harness.experiments.bisection import Bisection


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("on R5CT1 xnnpack 1 thr", "inference_avg on R5CT1 xnnpack 1 thr"),
        ("net on R5CT1 xnnpack 1 thr", "inference_avg of net on R5CT1 xnnpack 1 thr"),
    ],
)
def test_the_answer_names_the_cell_with_and_without_a_model(cell: str, words: str) -> None:
    def measure(base: int, head: int, *, part: Part, number: int, blocks: int, **_: object) -> Measured:
        pairs = [(1000.0 + at % 3, (1300.0 if head == 2 else 1000.0) + at % 2) for at in range(blocks)]
        return Measured(cells={cell: pairs}, blocks=blocks, device_s=1.0, run=f"{part}-{base}-{head}-{number}")

    places = tuple(Place(name=f"net-{number}.tflite", path=f"/net-{number}.tflite") for number in range(3))
    answer = Search(count=2, program=str, measure=measure).run()
    assert answer.outcome == "found"
    asked = BisectQuestion(
        suite="s.yaml",
        suite_sha256="0",
        good="net-0.tflite",
        bad="net-2.tflite",
        metric="inference_avg",
        min_effect=0.01,
    )
    shown = io.StringIO()
    print_bisection(
        Bisection(asked=asked, places=places, answer=answer, folder=Path("runs/b")), Console(file=shown, width=200)
    )
    lines = [line.strip() for line in shown.getvalue().splitlines()]
    assert lines[0] == "net-2.tflite makes it slower"
    assert words in lines
