"""The block of results of LiteRT's own tool, line by line."""

from __future__ import annotations

import pytest

from harness.benchmark_model.litert_results import LitertResults
from tests.benchmark_model.outputs import LITERT, read

TITLE = "========== BENCHMARK RESULTS =========="


def fed(*lines: str, cut: bool = False) -> LitertResults:
    made = LitertResults()
    for number, line in enumerate(lines, 1):
        made.feed(line, cut=cut and number == len(lines))
    return made


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("Model initialization: 12.34 ms", "init", 12340),
        ("Warmup (first):       1.50 ms", "first", 1500),
        ("First inference:      1.25 ms", "first", 1250),
        ("Warmup (avg):         0.50 ms (958 runs)", "warmup", 500),
        ("Inference (avg):      0.46 ms (2112 runs)", "inference", 460),
        ("Inference (avg):      0.46 ms (1 run)", "inference", 460),
        ("Inference (min):      0.40 ms", "min", 400),
        ("Inference (max):      0.90 ms", "max", 900),
        ("Inference (std):      0.05", "std", 50),
        ("Inference (std):      0.05 ms", "std", 50),
        ("Inference (median):   0.44 ms", "median", 440),
        ("Inference (p5):       0.41 ms", "p5", 410),
        ("Inference (p95):      0.89 ms", "p95", 890),
        ("Inference (avg):      85.23 ms (50 runs)    # Main result", "inference", 85230),
    ],
)
def test_times(line: str, key: str, value: float) -> None:
    made = LitertResults()
    assert made.feed(line)
    assert (made.times_us, made.memory_mb) == ({key: value}, {})
    assert made.seen is (key == "inference")


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("Init footprint:       10.50 MB", "init_delta_mb", 10.5),
        ("Overall footprint:    12.25 MB", "overall_delta_mb", 12.25),
        ("Peak memory:          44.75 MB", "periodic_peak_mb", 44.75),
    ],
)
def test_sizes(line: str, key: str, value: float) -> None:
    made = LitertResults()
    assert made.feed(line)
    assert (made.times_us, made.memory_mb, made.seen) == ({}, {key: value}, False)


@pytest.mark.parametrize(
    "line",
    ["Inference (avg): 30386.6 us", "Inference (avg): 3.5", "Inference (avg):3.5 ms", "Peak memory: 4 KB", "Throughput: 1.00 MB/s",
     "BENCHMARK", "========", "Memory Usage:", "No inference runs were performed.", ""],
)  # fmt: skip
def test_lines_of_others(line: str) -> None:
    made = LitertResults()
    assert not made.feed(line)
    assert (made.times_us, made.memory_mb, made.seen, made.blocks) == ({}, {}, False, 0)


@pytest.mark.parametrize("title", [TITLE, "BENCHMARK RESULTS"])
def test_a_block_begins_anew(title: str) -> None:
    made = fed(
        title, "Model initialization: 9.00 ms", "Inference (avg): 1.00 ms (7 runs)", "Warmup (avg): 2.00 ms (3 runs)",
        "Peak memory: 4 MB",
    )  # fmt: skip
    assert (made.runs, made.warmup_runs, made.seen, made.blocks) == (7, 3, True, 1)
    assert made.feed("Memory Usage:")
    assert made.feed(title)
    assert (made.times_us, made.memory_mb, made.runs, made.warmup_runs, made.blocks) == ({}, {}, None, None, 2)


def test_only_the_python_tool_has_a_median() -> None:
    plain, median = "Inference (avg):      0.46 ms (2112 runs)", "Inference (median):   0.44 ms"
    assert not fed(TITLE, plain).python
    assert fed(TITLE, plain, median).python
    assert fed(TITLE, median, plain).python, "it stays the one that it was known to be"
    assert fed(TITLE, "Fully accelerated: yes").python
    assert not fed("Fully accelerated: yes").python, "outside of a block anybody may say so"


def test_a_spread_that_may_lack_digits_is_not_used() -> None:
    assert fed("Inference (std): 0.0", cut=True).times_us == {}
    assert fed("Inference (max): 0.9 ms", cut=True).times_us == {"max": 900}


def litert(**changed: str) -> str:
    text = LITERT.replace("{at}", "[")
    for old, new in changed.items():
        text = text.replace(old.replace("_", " "), new)
    return text


def test_blocks_of_two_signatures_are_never_mixed() -> None:
    one = litert()
    first, rest = one[: one.index("========== BENCH")], one[one.index("========== BENCH") :]
    second = (
        "========== BENCHMARK RESULTS ==========\nINFO: [x.h:1] Signature name:       decode\n"
        "INFO: [x.h:2] Model initialization: 99.00 ms\nINFO: [x.h:3] Inference (avg):      0.77 ms (3 runs)\n"
    )
    got = read(first + rest + second)
    assert (got["init_us"], got["inference_avg_us"], got["first_inference_us"], got["warmup_avg_us"]) == (
        99000,
        770,
        None,
        None,
    )
    assert got["memory"] == dict.fromkeys(got["memory"])
    assert got["notes"] == ["the output holds 2 blocks of results; only the last is read"]
    assert read(one)["notes"] == []


def test_of_no_runs_nothing_is_taken() -> None:
    text = (
        litert().replace("0.46 ms (2112 runs)", "0.00 ms (0 runs)").replace("0.49 ms (1010 runs)", "0.00 ms (0 runs)")
    )
    got = read(text)
    assert (got["inference_avg_us"], got["first_inference_us"], got["warmup_avg_us"], got["init_us"]) == (
        None,
        None,
        None,
        12340,
    )


def test_results_without_count_lines_are_the_statistics() -> None:
    text = litert()
    block = text[text.index("========== BENCH") :]
    assert read(block)["runs"] == {
        "count": 2112, "first": None, "curr": None, "min": 440, "max": 700, "avg": 460, "std": 10, "p5": None, "median": None,
        "p95": None,
    }  # fmt: skip
    assert read(block.replace("2112 runs", "0 runs"))["runs"] is None
