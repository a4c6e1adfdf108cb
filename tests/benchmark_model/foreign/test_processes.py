"""Several runs of the tool in one file: the last is read."""

from __future__ import annotations

import pytest

from harness.benchmark_model.foreign.processes import split_at_beginnings
from tests.benchmark_model.foreign.logs import extract, read
from tests.benchmark_model.outputs import CPU, GOOD, GPU, MEMORY, RUN, START, THOUGH, TIMINGS, named


def test_of_several_runs_the_last_is_read() -> None:
    got = read(START + RUN + TIMINGS + START + RUN.replace("101.5", "222.5") + TIMINGS.replace("101.5", "222.5"))
    assert (got["inference_avg_us"], got["runs"]["avg"]) == (222.5, 222.5)
    assert any("2 runs of the tool" in note for note in got["notes"])
    unfinished = read(START + RUN + TIMINGS + START + "Loaded model x\n")
    assert (unfinished["status"], unfinished["inference_avg_us"]) == ("failed", None)


def test_extracts_one_after_the_other() -> None:
    got = read(f"-- gpu --\n{extract(GPU, '222.5', MEMORY)}-- cpu --\n{extract(CPU, '101.5')}")
    assert (got["inference_avg_us"], got["runs"]["avg"], got["memory"]["overall_delta_mb"]) == (101.5, 101.5, None)
    assert named(got) == [("XNNPACK", "partial", 510, 559, 11)]
    assert any("2 runs of the tool" in note for note in got["notes"])


@pytest.mark.parametrize(
    "failing", [THOUGH, "Failed to apply NNAPI delegate.\n", "Unconsumed cmdline flags: --use_gpu=true\n"]
)
def test_a_verdict_is_of_the_last_run_alone(failing: str) -> None:
    bad, good = extract(failing, "222.5"), extract(CPU, "101.5")
    assert (read(bad + good)["status"], read(good + bad)["status"]) == ("ok", "invalid")
    assert read(good + bad)["inference_avg_us"] == 222.5


def test_recordings_one_after_the_other() -> None:
    failed = (
        "# cmd: ./benchmark_model --use_gpu=true\n# ---- stdout ----\n"
        f"{START}# ---- stderr ----\nERROR: Failed to apply GPU delegate.\nERROR: Benchmarking failed.\n# exit: 1\n"
    )
    good = f"# cmd: ./benchmark_model\n# ---- stdout ----\n{GOOD}# ---- stderr ----\nINFO: x\n# exit: 0\n"
    got = read(failed + good)
    assert (got["status"], got["inference_avg_us"], got["delegates"]) == ("ok", 101.5, [])
    assert any("2 runs of the tool" in note for note in got["notes"])
    assert read(good + failed)["status"] == "failed"
    assert read(good + failed)["inference_avg_us"] is None


def test_label_image_after_the_benchmark_is_no_run_of_it() -> None:
    other = "INFO: Loaded model x\nINFO: resolved reporter\nINFO: invoked\nINFO: average time: 3.901 ms\n"
    got = read(GOOD + other)
    assert (got["status"], got["inference_avg_us"], got["notes"]) == ("ok", 101.5, [])


def test_timings_alone() -> None:
    got = read(TIMINGS + TIMINGS.replace("101.5", "222.5"))
    assert (got["inference_avg_us"], got["status"]) == (222.5, "ok")


def test_many_performance_options_in_one_process() -> None:
    def run(gpu: int, average: str) -> str:
        applied = (
            "Applied GPU delegate, and the model graph will be completely executed w/ the delegate.\n" if gpu else ""
        )
        options = f"Min num runs: [50]\nUse gpu : [{gpu}]\nLoaded model x\n{applied}Initialized session in 2ms.\n"
        return options + (RUN + TIMINGS).replace("101.5", average)

    summary = (
        "\n==============Summary of All Runs w/ Different Performance Options==============\n"
        "             cpu w/ 1 threads: count=50 first=102 curr=99 min=98 max=104 avg=101.5 std=2\n"
        "                     gpu-fp16: count=50 first=2 curr=9 min=1 max=10 avg=5.5 std=2\n"
    )
    got = read("STARTING!\n" + run(1, "5.5") + run(0, "101.5") + summary)
    assert (got["status"], got["inference_avg_us"], got["runs"]["avg"], got["delegates"]) == ("ok", 101.5, 101.5, [])
    failed = read("STARTING!\n" + run(0, "101.5") + run(1, "5.5").partition("Running")[0] + summary)
    assert (failed["status"], failed["inference_avg_us"]) == ("failed", None)


def test_a_crash_of_an_earlier_run_is_not_the_last_one_s() -> None:
    assert read(START + "Segmentation fault\n" + GOOD)["status"] == "ok"
    assert read(GOOD + "Segmentation fault\n")["status"] == "failed"


def test_a_stream_that_was_appended_is_the_same_run() -> None:
    got = read(
        GOOD + "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nINFO: Initialized TensorFlow Lite runtime.\n"
    )
    assert (got["status"], got["inference_avg_us"], got["notes"]) == ("ok", 101.5, [])
    assert named(got) == [("XNNPACK", "implicit", None, None, None)]


@pytest.mark.parametrize(
    ("text", "last", "earlier"),
    [
        ("STARTING!\na\n", "STARTING!\na\n", 0),
        ("STARTING!\na\nINFO: STARTING!\nb\n", "INFO: STARTING!\nb\n", 1),
        ("STARTING!\nSTARTING!  \nSTARTING!", "STARTING!", 2),
        ("STARTING!\nit prints STARTING! twice\n", "STARTING!\nit prints STARTING! twice\n", 0),
        (
            "Log parameter values verbosely: [0]\na\nI/x: Log parameter values verbosely: [0]\nb",
            "I/x: Log parameter values verbosely: [0]\nb",
            1,
        ),
        ("", "", 0),
    ],
)
def test_the_last_process_by_the_line_with_which_each_begins(text: str, last: str, earlier: int) -> None:
    parts = split_at_beginnings(text)
    assert (parts[-1], len(parts) - 1) == (last, earlier)
    assert "".join(parts) == text


def test_a_last_run_that_began_and_did_not_finish_is_read_all_the_same() -> None:
    begun = "Initialized session in 2ms.\nNode number 2 (CONV_2D) failed to invoke.\n"
    got = read(extract(CPU, "101.5") + begun)
    assert (got["status"], got["causes"], got["inference_avg_us"], got["delegates"]) == (
        "failed",
        ["invoke_failed"],
        None,
        [],
    )
    assert got["notes"] == ["the output holds 2 runs of the tool; only the last is read"]
    maybe = read(extract(CPU, "101.5") + "Loaded model x\n")
    assert (maybe["status"], maybe["inference_avg_us"], maybe["notes"]) == ("ok", 101.5, [])


def test_three_extracts() -> None:
    got = read(extract(GPU, "222.5") + extract(CPU, "333.5") + extract(CPU, "101.5"))
    assert (got["inference_avg_us"], got["notes"]) == (
        101.5,
        ["the output holds 3 runs of the tool; only the last is read"],
    )
