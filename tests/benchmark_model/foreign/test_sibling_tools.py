"""Outputs of the tools beside `benchmark_model`: each is recognised, and what it says has its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.benchmark_model.foreign import read_foreign_logs
from tests.benchmark_model.foreign.logs import read
from tests.benchmark_model.outputs import RUN, TIMINGS
from tests.benchmark_model.recorded import host_log

SUMMARY = """
INFO:
==============Summary of All Runs w/ Different Performance Options==============
INFO:                   gpu-fp16: count=50 first=2 curr=9 min=1 max=10 avg=5.5 std=2 p5=1 median=5 p95=9
INFO: cpu w/ 4 threads (xnnpack): count=50 first=60 curr=62 min=55 max=70 avg=61.25 std=2 p5=56 median=61 p95=69
INFO:  nnapi(w/o accel name): count=50 first=3 curr=3 min=3 max=3 avg=3.5 std=0
INFO:           cpu w/ 1 threads: count=50 first=102 curr=99 min=98 max=104 avg=101.5 std=2 p5=98 median=101 p95=104
"""
LIST = "INFO: STARTING!\nINFO: The list of TFLite runtime options to be benchmarked: [all]\n"


def option(average: str, flags: str = "") -> str:
    begin = (
        f"INFO: Log parameter values verbosely: [0]\n{flags}INFO: Loaded model m.tflite\nInitialized session in 2ms.\n"
    )
    return begin + (RUN + TIMINGS).replace("101.5", average)


def test_the_summary_of_many_options_becomes_cells() -> None:
    got = read(LIST + option("61.25") + option("101.5") + SUMMARY)
    assert (got["tool"], got["status"]) == ("benchmark_model_performance_options", "ok")
    assert [(cell["option"], cell["delegate"], cell["threads"], cell["runs"]["avg"]) for cell in got["cells"]] == [
        ("gpu-fp16", "GPU", None, 5.5),
        ("cpu w/ 4 threads (xnnpack)", "XNNPACK", 4, 61.25),
        ("nnapi(w/o accel name)", "NNAPI", None, 3.5),
        ("cpu w/ 1 threads", None, 1, 101.5),
    ]
    runs = read_foreign_logs(LIST + option("61.25") + option("101.5") + SUMMARY)
    assert {run.parsed.measurement.tool for run in runs} == {"benchmark_model_performance_options"}
    assert [run.parsed.measurement.inference_avg_us for run in runs] == [61.25, 101.5]


def test_the_summary_alone_is_complete() -> None:
    got = read(SUMMARY)
    assert (got["status"], got["causes"], len(got["cells"])) == ("ok", [], 4)
    failed = read(SUMMARY.replace("count=50 first=2 curr=9 min=1 max=10 avg=5.5 std=2 p5=1 median=5 p95=9", " failed!"))
    assert (failed["status"], failed["causes"], failed["message"]) == ("failed", ["unknown"], "gpu-fp16: failed!")
    assert (failed["cells"][0]["completed"], failed["cells"][0]["runs"]) == (False, None)


RESULTS: dict[str, Any] = {
    "model": "m.tflite", "model_size_mb": 2.5, "accelerators": ["GPU"], "signature": "serving_default",
    "fully_accelerated": True, "num_threads": 4,
    "latency": {
        "init_ms": 52.31, "warmup_first_ms": 9.1, "warmup_avg_ms": 5.25, "num_warmup_runs": 5, "avg_ms": 4.57, "min_ms": 4.1,
        "max_ms": 6.0, "median_ms": 4.5, "std_ms": 0.3, "p5_ms": 4.2, "p95_ms": 5.1, "num_runs": 50,
    },
    "throughput_mb_s": 12.0,
}  # fmt: skip


def test_the_result_file_of_litert_s_tool_in_python() -> None:
    got = read(json.dumps(RESULTS, indent=2))
    assert (got["tool"], got["status"], got["causes"]) == ("litert_benchmark", "ok", [])
    assert (got["init_us"], got["first_inference_us"], got["inference_avg_us"]) == (52310, 9100, 4570)
    assert (got["runs"]["count"], got["runs"]["median"], got["warmup"]["count"]) == (50, 4500, 5)
    assert got["model_size_mb"] == 2.621
    assert [(use["name"], use["applied"]) for use in got["delegates"]] == [("GPU", "full")]
    assert read_foreign_logs(json.dumps(RESULTS))[0].threads == 4
    partly = {**RESULTS, "accelerators": ["GPU", "CPU"], "fully_accelerated": False}
    assert [(use["name"], use["applied"]) for use in read(json.dumps(partly))["delegates"]] == [("GPU", None)]


def test_its_block_and_its_file_together() -> None:
    block = "========================================\n BENCHMARK RESULTS\n========================================\n"
    block += "Model initialization:  52.31 ms\nInference (avg):       4.57 ms (50 runs)\nFully accelerated:     True\n"
    got = read(block, result=json.dumps(RESULTS).encode())
    assert (got["tool"], got["status"], got["inference_avg_us"]) == ("litert_benchmark", "ok", 4570)
    assert [use["name"] for use in got["delegates"]] == ["GPU"]


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"latency": {}}', '{"latency": 3}', "[1]", '{"latency": {"avg_ms": null}}']
)
def test_other_json_is_no_result(text: str) -> None:
    assert read(text)["status"] == "failed"


BLOCK = """INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
input_prompt: What is the tallest building in the world?
The tallest building in the world is the **Burj Khalifa**.

BenchmarkInfo:
  Init Phases (2):
    - Executor initialization: 844.54 ms
    - Tokenizer initialization: 66.70 ms
    Total init time: 911.25 ms
--------------------------------------------------
  Time to first token: 2.40 s
--------------------------------------------------
  Prefill Turns (Total 1 turns):
    Prefill Turn 1: Processed 18 tokens in 2.311920273s duration.
      Prefill Speed: 7.79 tokens/sec.
--------------------------------------------------
  Decode Turns (Total 1 turns):
    Decode Turn 1: Processed 62 tokens in 5.53092314s duration.
      Decode Speed: 11.21 tokens/sec.
--------------------------------------------------
"""
COMMAND = """Benchmarking model: tiny.litertlm (/x/tiny.litertlm)
Backend                    : cpu
Number of tokens in prefill: 128
Number of tokens in decode : 64
Running iteration 1 of 1..
----- Results -----
Prefill speed:        26577.29 tokens/s
Decode speed:         3219.68 tokens/s
Init time:            0.0074 s
Time to first token:  0.0051 s
"""


def figures(text: str) -> dict[str, Any]:
    got = read(text)
    assert (got["tool"], got["status"], got["causes"]) == ("litert_lm", "ok", [])
    llm: dict[str, Any] = got["llm"]
    return llm


def test_the_block_of_litert_lm() -> None:
    assert figures(BLOCK) == {
        "init_us": 911250, "ttft_ms": 2400, "ttft": "computed", "prefill_tokens": 18, "prefill_tps": 7.79,
        "decode_tokens": 62, "decode_tps": 11.21,
    }  # fmt: skip
    assert figures(BLOCK[BLOCK.index("  Time to first") :])["decode_tps"] == 11.21


def test_the_command_of_litert_lm() -> None:
    assert figures(COMMAND) == {
        "init_us": 7400, "ttft_ms": 5.1, "ttft": "computed", "prefill_tokens": 128, "prefill_tps": 26577.29,
        "decode_tokens": 64, "decode_tps": 3219.68,
    }  # fmt: skip


def test_of_several_iterations_the_last_is_read_whole() -> None:
    second = (
        BLOCK[BLOCK.index("BenchmarkInfo") :].replace("11.21", "12.5").replace("    Total init time: 911.25 ms\n", "")
    )
    got = read(BLOCK + second)
    assert (got["llm"]["decode_tps"], got["llm"]["init_us"]) == (12.5, None)
    assert got["notes"] == ["the output holds 2 blocks of results; only the last is read"]


def test_a_speed_that_is_printed_again_takes_the_place_of_the_former() -> None:
    got = figures(COMMAND + "Prefill speed:        512.00 tokens/s\nDecode speed:         64.00 tokens/s\n")
    assert (got["prefill_tps"], got["decode_tps"]) == (512.0, 64.0)


def test_no_token_is_no_speed() -> None:
    got = read(COMMAND.replace("26577.29", "0.00").replace("3219.68", "0.00"))
    assert (got["tool"], got["status"]) == ("litert_lm", "failed")
    assert (got["llm"]["prefill_tps"], got["llm"]["decode_tps"]) == (None, None)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (
            "RuntimeError: Failed to create engine for benchmark: INVALID_ARGUMENT: Invalid magic number",
            "model_invalid",
        ),
        (
            "RuntimeError: Failed to create engine for benchmark: INVALID_ARGUMENT: Unsupported file format.",
            "model_invalid",
        ),
        ("RuntimeError: Failed to create engine for benchmark", "unknown"),
        ("Could not find ./nofile.litertlm locally in /x", "model_unreadable"),
    ],
)
def test_a_failure_of_litert_lm_whatever_its_exit_code(error: str, cause: str) -> None:
    got = read(
        f"Benchmarking model: x.litertlm (/x/x.litertlm)\nTraceback (most recent call last):\n{error}\n", exit_code=0
    )
    assert (got["tool"], got["status"], got["causes"][0], got["message"]) == ("litert_lm", "failed", cause, error)


def test_an_app_s_logcat() -> None:
    tag = "06-14 10:55:21.084 18088 18088 I tflite_BenchmarkModelActivity: "
    lines = [tag + "Running TensorFlow Lite benchmark with args: --graph=/x/m.tflite --use_gpu=true"]
    lines += ["06-14 10:55:21.084 18088 18088 I tflite  : " + line for line in option("101.5").rstrip("\n").split("\n")]
    got = read("\n".join(lines) + "\n")
    assert (got["tool"], got["status"], got["inference_avg_us"]) == ("benchmark_model", "ok", 101.5)


def test_an_app_whose_delegate_was_refused() -> None:
    error = "Attempting to use a delegate that only supports static-sized tensors with a graph that has dynamic-sized tensors"
    text = (
        "06-14 10:55:21.084 18088 18088 I tflite  : Created TensorFlow Lite delegate for GPU.\n"
        f"06-14 10:55:21.085 18088 18088 E TFLite-in-PlayServices: {error}\n"
        "06-14 10:55:21.086 18088 18088 E tflite  : Restored original execution plan after delegate application failure.\n"
    )
    got = read(text)
    assert (got["status"], got["causes"][0], got["message"]) == ("failed", "delegate_not_applied", error)
    java = (
        "06-14 10:55:21.086 18088 18088 E AndroidRuntime: Caused by: java.lang.IllegalArgumentException: "
        f"Internal error: Failed to apply delegate: {error}\n"
    )
    thrown = read(text.partition("\n")[0] + "\n" + java)
    assert thrown["causes"][0] == "delegate_not_applied"
    assert error in thrown["message"]


def test_the_tool_of_many_options_is_named_where_it_only_prints_its_usage() -> None:
    recorded = host_log("95b_perfopts_help")
    usage = "ERROR: usage: ./benchmark_model_performance_options <flags>\n"
    command = "# cmd: ./benchmark_model_performance_options --graph=x\n# ---- stdout ----\nERROR: Failed to load model x\n# exit: 1\n"
    for log in (recorded, usage, command):
        assert read(log)["tool"] == "benchmark_model_performance_options"
    assert read(usage.replace("_performance_options", ""))["tool"] == "benchmark_model"
