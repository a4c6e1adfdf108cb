"""What logcat, consoles and documents put before a message."""

from __future__ import annotations

import pytest

from harness.benchmark_model.foreign.log_prefixes import LogPrefixes, strip_log_prefix
from harness.benchmark_model.prefixes import FOREIGN, Line
from tests.benchmark_model.foreign.logs import prefixed, read
from tests.benchmark_model.outputs import GOOD, RUN, START, TIMINGS


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "INFO: ",
        "08-17 21:47:50.315 29423 29423 I tflite  : ",
        "2023-08-17 21:47:50.315 29423 29423 I tflite  : ",
        "08-17 21:47:50.315  2000 29423 29423 I tflite  : ",
        "08-17 21:47:50.315123 29423 29423 I tflite  : ",
        "08-17 21:47:50.315 +0000 29423 29423 I tflite  : ",
        "1629236870.315 29423 29423 I tflite  : ",
        "08-17 21:47:50.315 I/tflite  (29423): ",
        "08-17 21:47:50.315 I tflite  : ",
        "I/tflite  (29423): ",
        "I/tflite: ",
        "I tflite  : ",
        "... tflite  : ",
        "2021-08-17 21:47:50.315 29423-29423/? I/tflite: ",
        "2021-08-17 21:47:50.315 29423-29423/org.tensorflow.lite.benchmark I/tflite: ",
        "2023-06-14 10:55:21.084 18088-18088 tflite                  org.tensorflow.lite.benchmark        I  ",
        "I0000 00:00:1718000000.123456   12345 benchmark_model.cc:76] ",
        "2018-09-10 12:36:26.109144: I tensorflow/lite/tools/benchmark/benchmark_model.cc:76] ",
        "2026-01-02T03:04:05.1234567Z INFO: ",
        "[2026-01-02 03:04:05] INFO: ",
        "> ",
        "> INFO: ",
        "  ",
    ],
)
def test_prefixes(prefix: str) -> None:
    plain = START + RUN + TIMINGS
    got = read("".join(f"{prefix}{line}\n" for line in plain.split("\n")))
    assert got == read(plain)
    assert (got["status"], got["inference_avg_us"], got["warmup"]["count"], got["runs"]["count"]) == (
        "ok",
        101.5,
        5,
        50,
    )


def test_lines_of_other_programs_are_passed_over() -> None:
    foreign = "08-17 21:47:50.316   928  1099 E Other   : "
    got = read(
        f"{foreign}{TIMINGS.replace('101.5', '1')}"
        f"08-17 21:47:50.316 29423 29423 I tflite  : {TIMINGS}"
        f"{foreign}Failed to apply GPU delegate.\n{foreign}count=9 first=1 curr=1 min=1 max=1 avg=1 std=0\n"
    )
    assert (got["status"], got["inference_avg_us"], got["runs"], got["delegates"]) == ("ok", 101.5, None, [])


def test_the_android_app_of_2019_runs_memory_into_the_last_number() -> None:
    got = read(
        "I/tflite: Average inference timings in us: Warmup: 1.5, Init: 2, Inference: 3.5"
        "Overall max resident set size = 2.36719 MB, total malloc-ed size = 0 MB\n"
    )
    assert (got["inference_avg_us"], got["memory"]["overall_peak_mb"]) == (3.5, 2.36719)


@pytest.mark.parametrize(
    "prefix",
    [
        "    INFO: ",
        "\tINFO: ",
        "> \tINFO: ",
        "# ",
        "    08-17 21:47:50.315 29423 29423 I tflite  : ",
        "native : benchmark_model.cc:76 ",
        "I/native  (29423): benchmark_model.cc:76 ",
        "2022-09-06 13:15:37.049363-0700 TFLiteBenchmark[54612:4020499] ",
        "2022-09-06 13:15:37.049 benchmark_model[54612:4020499] ",
    ],
)
def test_indented_quoted_and_foreign_prefixes(prefix: str) -> None:
    assert read(prefixed(GOOD, prefix)) == read(GOOD)


def test_indented_tables_stay_tables() -> None:
    row = "                 ADD: x      0.000   1.500   1.250   80.000%   100.000%   0.000   1   [a]:0\n"
    got = read(f"    [node type] [start] [first] [avg ms] [%] [cdf%] [mem KB] [times called] [Name]\n{row}")
    assert [(op["node_type"], op["avg_us"]) for op in got["ops"]] == [("ADD: x", 1250)]


def test_logcat_in_its_long_format() -> None:
    def of(tag: str, text: str) -> str:
        return "".join(f"[ 08-17 21:47:50.315  2942: 2942 I/{tag} ]\n{line}\n\n" for line in text.split("\n") if line)

    other = of("Other   ", "Failed to apply GPU delegate.\n" + TIMINGS.replace("101.5", "1"))
    assert read(of("tflite  ", START + RUN) + other + of("tflite", TIMINGS)) == read(GOOD)


@pytest.mark.parametrize(
    ("line", "status", "causes"),
    [
        ("E tflite  : Node number 2 (CONV_2D) failed to invoke.", "failed", ["invoke_failed"]),
        ("E tflite  : hexagon_nn_config failed. Error: -1", "invalid", ["delegate_not_applied"]),
        ("E/tflite: Disallowed CPU fallback detected.", "invalid", ["delegate_partial"]),
    ],
)
def test_errors_in_a_logcat(line: str, status: str, causes: list[str]) -> None:
    got = read(f"{RUN}{TIMINGS}{line}\n")
    assert (got["status"], got["causes"], got["message"]) == (status, causes, line.partition(": ")[2])


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("08-17 21:47:50.315 29423 29423 E tflite  : it broke", Line("E", "it broke")),
        ("08-17 21:47:50.315 29423 29423 E tflite  : INFO: it broke", Line("I", "it broke")),
        ("08-17 21:47:50.315 29423 29423 I native  : x.cc:76 it broke", Line("I", "it broke")),
        ("08-17 21:47:50.315 29423 29423 I tflite  : x.cc:76 it broke", Line("I", "x.cc:76 it broke")),
        ("08-17 21:47:50.315 29423 29423 I litert  : [x.cc:76] it broke", Line("I", "it broke")),
        ("08-17 21:47:50.315 29423 29423 W Other   : it broke", Line("W", "it broke", ours=False)),
        ("E/tflite: it broke", Line("E", "it broke")),
        ("E/Other: it broke", Line("E", "it broke", ours=False)),
        ("... tflite  : it broke", Line("", "it broke")),
        ("1629236870.315 29423 29423 E tflite  : it broke", Line("E", "it broke")),
        ("> > > it broke", Line("", "it broke")),
        ("[12:00:01] > # > it broke", Line("", "> it broke")),  # three deep, and no more
        ("    # it broke", Line("", "it broke")),
        ("  > it broke", Line("", "it broke")),
        ("  it broke", Line("", "  it broke")),
        ("  ERROR: it broke", Line("E", "it broke")),
        ("  ADD: x", Line("", "  ADD: x")),
        ("  [x.cc:76] y", Line("", "  [x.cc:76] y")),
        ("  E/Other: it broke", Line("", "  E/Other: it broke")),
        ("  08-17 21:47:50.315 1 1 W Other   : it broke", Line("W", "it broke", ours=False)),
        ("[x.cc:76] it broke", Line("", "it broke")),
        ("[2026-01-02 03:04:05] it broke", Line("", "it broke")),
        ("[DriverLog:257] it broke", Line("", "it broke")),  # looks like a place in a source
        ("[Driver Log] it broke", FOREIGN),
        ("it broke", Line("", "it broke")),
        ("", Line("", "")),
    ],
)  # fmt: skip
def test_a_line_without_its_prefix(raw: str, line: Line) -> None:
    assert strip_log_prefix(raw) == line


def test_headers_above_messages() -> None:
    strip = LogPrefixes()
    header = "[ 08-17 21:47:50.315  2942: 2942 I/{} ]"
    assert strip(header.format("Other")) == FOREIGN
    assert strip("it broke") == Line("", "it broke", ours=False)
    assert strip("ERROR: ") == Line("E", "")
    assert strip(header.format("tflite")) == FOREIGN
    assert strip("it broke") == Line("", "it broke")
    assert strip("[ not a header ]") == FOREIGN
    assert strip("it broke") == Line("", "it broke")
