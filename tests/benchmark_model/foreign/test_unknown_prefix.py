"""What stands before every message and is none of the known prefixes."""

from __future__ import annotations

import pytest

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
