"""What stands before every message and is none of the known prefixes."""

from __future__ import annotations

import pytest

from harness.benchmark_model.foreign.unknown_prefix import without_unknown_prefix
from tests.benchmark_model.foreign.logs import read
from tests.benchmark_model.outputs import GOOD, MEMORY


@pytest.mark.parametrize(
    ("prefix", "suffix"),
    [
        ("[INFO] ", ""),
        ("[I] ", ""),
        ("{n:4d}  ", ""),
        ("{n}:", ""),
        ("+", ""),
        ("E   ", ""),
        ("| ", " |"),
        ('      "', '\\n",'),
        ("Aug 17 21:47:{n:02d} imx8 benchmark[123]: ", ""),
        ("[   1{n}.345678] ", ""),
        ("2021-05-01 12:00:00,1{n} - bench - INFO - ", ""),
        ("bench_1  | INFO: ", ""),
        ("I(29423:29423) ", ""),
    ],
)
def test_prefixes_that_nobody_knows(prefix: str, suffix: str) -> None:
    lines = (GOOD + MEMORY).rstrip("\n").split("\n")
    got = read("".join(f"{prefix.format(n=n)}{line}{suffix}\n" for n, line in enumerate(lines)))
    assert got["notes"] == ["something unknown stands before each line; it was taken off"]
    assert {**got, "notes": []} == read(GOOD + MEMORY)


def test_prose_about_the_tool_is_no_output() -> None:
    for text in (
        "Look for a line with `Inference timings in us: Init: 5685, First inference: 18535` in it.\n",
        "The tool prints STARTING! and nothing else.\n",
        'grep "Inference timings in us: Init: " log.txt\n',
    ):
        got = read(text)
        assert (got["status"], got["inference_avg_us"]) == ("failed", None)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("| STARTING!\n| a\nb\n", "STARTING!\na\nb\n"),
        ("| STARTING!", "STARTING!"),
        ("7: STARTING!\n12: a\n", "STARTING!\na\n"),
        ("[I] STARTING!\n[E] a\n[x] b\n", "STARTING!\na\n[x] b\n"),
        ("<INFO> STARTING!\n<WARNING> a\n", "STARTING!\na\n"),
        ("| STARTING! |\n| a |  \n| b\n", "STARTING!\na\nb\n"),
        ("x  INFO: STARTING!\nx  INFO: a\n", "INFO: STARTING!\nINFO: a\n"),  # a level is known
        # The form of most lines is taken off.
        ("a Running benchmark for 1\nb Running benchmark for 1\nb Initialized session in 1\nb x\na x\n",
         "a Running benchmark for 1\nRunning benchmark for 1\nInitialized session in 1\nx\na x\n"),
        ("STARTING!\na\n", None),
        ("  STARTING!\n", None),
        ("= Timings (microseconds): count=1\n", None),
        ("nothing\n", None),
        ("x" * 120 + "STARTING!\n", "STARTING!\n"),
        ("x" * 121 + "STARTING!\n", None),
        ("| STARTING! is what the tool prints first\n", None),
    ],
)  # fmt: skip
def test_what_is_learned_from_lines_that_are_the_tool_s(text: str, plain: str | None) -> None:
    assert without_unknown_prefix(text) == plain
