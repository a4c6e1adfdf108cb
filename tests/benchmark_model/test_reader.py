"""What one line tells, kind by kind: taken for the tool's, kept, or passed over."""

from __future__ import annotations

from typing import Any

import pytest

from harness.benchmark_model.count_lines import CountLine, CountLines
from harness.benchmark_model.reader import Reading
from harness.records import RunStatistics
from tests.benchmark_model.outputs import GOOD, TIMINGS, read


def reading(*lines: str, cut: bool = False) -> Reading:
    made = Reading()
    made.read("\n".join(lines) + ("" if cut else "\n"))
    return made


@pytest.mark.parametrize(
    ("line", "begun", "ours"),
    [
        ("STARTING!", "surely", True),
        ("STARTING! now", "", False),
        ("Log parameter values verbosely: [0]", "surely", True),
        ("Log of something", "", False),
        ("Initialized session in 2ms.", "surely", True),
        ("Initialized TensorFlow Lite runtime.", "", False),
        ("Loaded model x.tflite", "maybe", True),
        ("Loaded something", "", False),
        ("Saved benchmark result to: x", "", True),
        ("Saved nothing", "", False),
        ("Running benchmark for at least 1 iterations", "surely", True),
        ("Running on an emulator", "", False),
        ("count=5 curr=7", "maybe", True),
        ("count of nothing", "", False),
        (TIMINGS.strip(), "maybe", True),
        ("Inference is slow", "", False),
        ("The input model file size (MB): 13.5", "maybe", True),
        ("The end", "", False),
        ("Memory footprint delta from the start of the tool (MB): init=1 overall=2", "", True),
        ("Memory is full", "", False),
        ("[Overall] - Memory usage: max resident set size = 9.25 MB, x", "", True),
        ("[Overall] - Nothing", "", False),
        ("Unconsumed cmdline flags: --a", "maybe", True),
        ("Unconsumed: --a", "", False),
        ("unrecognized commandline flag: --a", "maybe", True),
        ("unrecognized commandline flag: ", "", False),
        ("unrecognized option: --a", "", False),
        ("dispatch_library_path: .", "", True),
        ("dispatch: .", "", False),
        ("Duplicate flags: --a", "", True),
        ("Duplicate names", "", False),
        ("Benchmarking failed.", "", True),
        ("Benchmarking failed, maybe.", "", False),
        ("Failed to save benchmark result to: x", "", True),
        ("Failed to allocate tensors!", "maybe", True),
        ("Use gpu: [1]", "maybe", False),
        ("GPU delegate created.", "maybe", True),
        ("Peak memory:          44.75 MB", "", True),
        ("something else", "", False),
        ("", "", False),
    ],
)
def test_whether_a_line_is_the_tool_s_and_may_begin_a_process(line: str, begun: str, ours: bool) -> None:
    made = Reading()
    made.line(line, cut=False)
    assert (made.begun, made.ours) == (begun, ours)
    made.line("something else", cut=False)
    assert made.begun == ""


def test_where_a_process_begins() -> None:
    assert reading("STARTING!").begins
    assert reading("Log parameter values verbosely: [0]").begins
    assert not reading("Initialized session in 2ms.").begins


def test_parameters_are_the_first_of_a_label() -> None:
    made = reading(
        "Num threads: [4]", "Num threads: [2]", "Use gpu : [1]", "#threads used for CPU inference: [3]", "Graph: []"
    )
    assert made.parameters == {"Num threads": "4", "Use gpu": "1", "#threads used for CPU inference": "3", "Graph": ""}
    assert made.delegates.echoed == ["GPU"]
    many = reading(*(f"Label {number}: [{number}]" for number in range(600)))
    assert (len(many.parameters), many.parameters["Label 499"]) == (500, "499")


def test_memory_of_each_form() -> None:
    made = reading(
        "Memory footprint delta from the start of the tool (MB): init=1.5 overall=2.5",
        "Peak memory footprint (MB): init=3.5 overall=4.5",
        "Overall peak memory footprint (MB) via periodic monitoring: 44.375",
    )
    assert made.memory == {
        "init_delta_mb": 1.5, "overall_delta_mb": 2.5, "init_peak_mb": 3.5, "overall_peak_mb": 4.5, "periodic_peak_mb": 44.375,
    }  # fmt: skip
    made = reading(
        "[Init Phase] - Memory usage: max resident set size = 2.5 MB, x",
        "[Overall] - Memory usage: max resident set size = 9 MB",
    )
    assert made.memory == {"init_peak_mb": 2.5, "overall_peak_mb": 9}


def test_a_size_that_may_lack_digits_is_noted() -> None:
    made = reading("Overall peak memory footprint (MB) via periodic monitoring: 44.3", cut=True)
    assert (made.memory, made.notes) == (
        {},
        ["the output ends in 44.3 MB, maybe in the middle of the number, which is not used"],
    )
    made = reading("Memory footprint delta from the start of the tool (MB): init=1.5 overall=44.3", cut=True)
    assert made.memory == {"init_delta_mb": 1.5}
    assert reading("The input model file size (MB): 13.5", cut=True).model_size_mb is None
    assert reading("The input model file size (MB): 13.5").model_size_mb == 13.5


def test_flags_that_were_not_understood() -> None:
    assert reading("Unconsumed cmdline flags: --a --b=1").unconsumed == ["--a", "--b=1"]
    assert reading("Unconsumed cmdline flags: --a --b=1 --c", cut=True).unconsumed == ["--a", "--b=1"]
    assert reading("WARN: WARNING: unrecognized commandline flag: --c").unconsumed == ["--c"]


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("dispatch_library_path: .", ["NPU"]),
        ("dispatch_library_path: ", []),
        ("compiler_plugin_library_path: ", ["NPU"]),
        ("dispatch_library: .", []),
    ],
)
def test_libraries_of_an_npu(line: str, asked: list[str]) -> None:
    assert reading(line).delegates.echoed == asked


def test_after_the_timings_nothing_of_another_process_is_taken() -> None:
    made = reading(TIMINGS, "count=9 curr=1", "The input model file size (MB): 13.5", TIMINGS.replace("101.5", "1"))
    assert (made.timings["inference"], made.counts.lines(), made.model_size_mb) == (101.5, [], None)


@pytest.mark.parametrize(
    ("line", "timings", "seen"),
    [
        (
            "Init: 2, First inference: 3, Warmup (avg): 4, Inference (avg): 5",
            {"init": 2, "first": 3, "warmup": 4, "inference": 5},
            True,
        ),
        ("Init: 2, Inference (avg): nan", {"init": 2}, True),
        # Without its end, the last number may lack digits.
        ("Init: 2, First inference: 3", {"init": 2}, False),
        ("Init: 2", {}, False),
        ("nothing", {}, False),
    ],
)
def test_the_timings_line(line: str, timings: dict[str, float], seen: bool) -> None:
    made = reading(f"Inference timings in us: {line}")
    assert (made.timings, made.timings_seen, made.old_form, made.whole_numbers) == (timings, seen, False, False)


def test_forms_of_the_timings_line() -> None:
    old = reading("Average inference timings in us: Warmup: 1, Init: 2, no stats: 3")
    assert (old.old_form, old.whole_numbers, old.timings_cut) == (True, False, False)
    oldest = reading("Average inference timings in us: Warmup: 1, no stats: 3, with stats: 4")
    assert (oldest.old_form, oldest.whole_numbers) == (True, True)
    assert reading(TIMINGS.strip(), cut=True).timings_cut


def test_errors_without_a_known_message_are_kept_in_order() -> None:
    made = reading("ERROR: first", "ERROR: second", "FATAL: third", "FATAL: fourth", "INFO: fifth", "WARN: sixth")
    assert (made.first_error, made.fatal, made.evidence) == ("first", "third", [])
    made = reading("INFO: not an error", "not an error either")
    assert (made.first_error, made.fatal) == (None, None)


def test_notes_of_the_tool_s_own_complaints() -> None:
    made = reading("Duplicate flags: --a", "Failed to save benchmark result to: x")
    assert made.notes == [
        "Duplicate flags: --a; of a duplicate the first counts",
        "the tool could not write its result file: Failed to save benchmark result to: x",
    ]


def test_protos_are_collected_to_their_ends() -> None:
    made = reading(
        "INFO: init_profile {", "  a {", "    b: 1", "  }", "}", "STARTING!", "subgraphs {", "  c: 2", "}", "done"
    )
    assert made.protos == [["init_profile {", "  a {", "    b: 1", "  }", "}"], ["subgraphs {", "  c: 2", "}"]]
    assert (made.proto_lines, made.begins) == (8, True)
    broken = reading("runtime_profile {", "  a: 1", "STARTING!", "STARTING!")
    assert broken.protos == [["runtime_profile {", "  a: 1", "STARTING!"]]
    assert broken.begins


def test_count_lines_remember_what_was_announced() -> None:
    made = CountLines()
    assert not made.announce("count=5 curr=7")
    assert made.announce(
        "Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 1.5 seconds."
    )
    made.add("count=5 curr=7", cut=False)
    made.gap = True
    assert made.announce("Running benchmark for 50 iterations")
    made.gap = True
    made.add("count=50 curr=7", cut=True)
    assert made.lines() == [
        CountLine(announced=1, heading=(1, 0.5), unhindered=True, gap=False, statistics=RunStatistics(count=5, curr=7)),
        CountLine(announced=2, heading=(50, None), unhindered=False, gap=True, statistics=RunStatistics(count=50)),
    ]
    for number in range(6, 9):
        made.add(f"count={number} curr=7", cut=False)
    assert [line.statistics.count for line in made.lines() if line.statistics] == [6, 7, 8]


@pytest.mark.parametrize(("longest", "unhindered"), [("1.0", False), ("1.1", True)])
def test_the_longest_time_hinders_a_phase_that_wants_half_of_it(longest: str, unhindered: bool) -> None:
    made = CountLines()
    made.announce(
        f"Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding {longest} seconds."
    )
    assert made.unhindered is unhindered


def test_a_gap_is_an_empty_line_of_the_tool_s() -> None:
    for line, gap in (("", True), ("INFO: ", True), ("[DriverLog:257] x", False), ("something", False)):
        made = Reading()
        made.line(line, cut=False)
        assert made.counts.gap is gap


@pytest.mark.parametrize(
    ("extra", "recognized"),
    [("GPU delegate created.", True), ("Applied VX delegate.", True), ("hello", False), ("Use gpu: [1]", False)],
)
def test_an_output_without_a_line_of_the_tool_s(extra: str, recognized: bool) -> None:
    got: dict[str, Any] = read(extra + "\n")
    assert got["status"] == "failed"
    assert (got["causes"][-1] == "truncated_output") is recognized


def test_the_last_line_is_read_like_any_other() -> None:
    assert read(GOOD.rstrip("\n"))["inference_avg_us"] == 101.5
