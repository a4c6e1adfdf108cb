"""The results of LiteRT's tool in Python: which accelerators had part, against what was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import ingest
from harness.benchmark_model import parse_output
from harness.benchmark_model.foreign import read_foreign_logs
from harness.benchmark_model.python_results import PythonResults, read_python_results
from harness.records import DelegateRequest, DelegateUse, Measurement, RunStatistics
from tests.benchmark_model.foreign.logs import read


def results(accelerators: list[str] | None, *, fully: bool = False, runs: int = 50) -> str:
    document = {
        "model": "m.tflite",
        "fully_accelerated": fully,
        "num_threads": 4,
        "latency": {"init_ms": 52.31, "avg_ms": 4.57, "median_ms": 4.5, "num_runs": runs},
    }
    return json.dumps(document if accelerators is None else {**document, "accelerators": accelerators})


@pytest.mark.parametrize(
    ("accelerators", "asked", "cause"),
    [
        (["GPU"], "cpu", "condition_not_met"),
        (["gpu", "cpu"], "cpu", "condition_not_met"),
        (["NPU"], "cpu", "condition_not_met"),
        (["GPU"], "xnnpack", "delegate_not_applied"),
        (["CPU"], "gpu", "delegate_not_applied"),
        (["CPU"], "gpu-fp16", "delegate_not_applied"),
        (["NPU", "CPU"], "gpu", "delegate_not_applied"),
        (["GPU"], "npu", "delegate_not_applied"),
        (["CPU"], "qnn", "delegate_not_applied"),
        ([], "gpu", "delegate_not_applied"),
    ],
)
def test_accelerators_that_are_not_what_was_asked_for(accelerators: list[str], asked: str, cause: str) -> None:
    text = results(accelerators, fully=len(accelerators) == 1)
    got = read(text, requested=DelegateRequest(name=asked))
    assert (got["status"], got["causes"], got["inference_avg_us"]) == ("invalid", [cause], 4570)
    beside = parse_output(
        "Inference (avg):       4.57 ms (50 runs)\n", result=text.encode(), requested=DelegateRequest(name=asked)
    )
    assert [one.value for one in beside.causes] == [cause]


def test_the_message_names_both() -> None:
    cpu = read(results(["GPU"], fully=True), requested=DelegateRequest(name="cpu"))
    assert cpu["message"] == "the built-in kernels were asked for, and GPU took part of the graph"
    gpu = read(results(["CPU"]), requested=DelegateRequest(name="gpu"))
    assert gpu["message"] == "GPU was asked for, and the accelerators are CPU"


@pytest.mark.parametrize(
    ("accelerators", "asked"),
    [
        (["CPU"], "cpu"), (["CPU"], "xnnpack"), (["GPU"], "gpu"), (["GPU", "CPU"], "gpu"), (["GPU"], "gpu-fp16"), (["NPU"], "qnn"),
        (["NPU", "CPU"], "npu"), (None, "gpu"), (None, "cpu"),
    ],
)  # fmt: skip
def test_accelerators_that_are(accelerators: list[str] | None, asked: str) -> None:
    assert read(results(accelerators), requested=DelegateRequest(name=asked))["status"] == "ok"


def test_any_delegate_will_do_where_the_request_says_so() -> None:
    assert read(results(["CPU"]), requested=DelegateRequest(name="gpu", require="any"))["status"] == "ok"


def test_what_the_tool_printed_before_its_results() -> None:
    recorded = (
        f"# cmd: python benchmark_litert_model.py\n# ---- stdout ----\nLoading model\n{results(['GPU'])}\n# exit: 0\n"
    )
    for text in (f"Loading model\n{results(['GPU'])}\nDone\n", recorded):
        got = read(text, requested=DelegateRequest(name="cpu"))
        assert (got["tool"], got["causes"], got["inference_avg_us"]) == (
            "litert_benchmark",
            ["condition_not_met"],
            4570,
        )
    log = read_foreign_logs(recorded.replace("exit: 0", "exit: 1"))[0]
    assert (log.exit_code, log.parsed.status.value, log.parsed.measurement.inference_avg_us) == (1, "failed", 4570)
    assert read(results(["GPU"], runs=0))["message"] == "the result file holds no timed run"


def test_a_document_is_read_from_its_beginning_however_it_is_indented() -> None:
    """Not from the first brace at the beginning of a line, which may be one within."""
    document = {"signatures": [{"name": "main"}], **json.loads(results(["GPU"]))}
    for indent in (None, 0, 2):
        for before in ("", "\n\n", "Loading model\n"):
            found = read_python_results(before + json.dumps(document, indent=indent))
            assert found is not None
            assert found == read_python_results(results(["GPU"]))


def test_a_result_taken_into_a_run_as_another_delegate_s(tmp_path: Path) -> None:
    log = tmp_path / "gpu.json"
    log.write_text(results(["GPU"], fully=True), encoding="utf-8")
    found = ingest(log, device="d", model="m", delegate="cpu", out=tmp_path / "run")
    assert [(one.status.value, [cause.value for cause in one.causes]) for one in found.results] == [
        ("invalid", ["condition_not_met"])
    ]
    assert ingest(log, device="d", model="m", delegate="gpu", out=tmp_path / "run").good


def test_a_document_by_hand() -> None:
    latency = {
        "init_ms": 52.31, "warmup_first_ms": 9.5, "warmup_avg_ms": 5.25, "num_warmup_runs": 3, "num_runs": 50,
        "min_ms": 4.0, "max_ms": 6, "avg_ms": 4.57, "std_ms": 0.2, "p5_ms": 4.1, "median_ms": 4.5, "p95_ms": 5.9,
    }  # fmt: skip
    whole = {
        "model": "m.tflite", "num_threads": 4, "fully_accelerated": True, "accelerators": ["gpu", "CPU", 3],
        "model_size_mb": 10.0, "latency": latency,
    }  # fmt: skip
    found = read_python_results(json.dumps(whole))
    assert found == PythonResults(
        measurement=Measurement(
            tool="litert_benchmark",
            init_us=52_310,
            first_inference_us=9500,
            warmup_avg_us=5250,
            inference_avg_us=4570,
            warmup=RunStatistics(count=3),
            runs=RunStatistics(count=50, min=4000, max=6000, avg=4570, std=200, p5=4100, median=4500, p95=5900),
            model_size_mb=10.486,  # of 2 ** 20 bytes
            delegates=(DelegateUse(name="GPU", applied="full"),),
        ),
        model="m.tflite",
        threads=4,
        accelerators=("GPU", "CPU"),
    )


def test_what_is_no_number_in_a_document_is_not_taken_for_one() -> None:
    odd = {"model": 3, "num_threads": True, "accelerators": "GPU", "model_size_mb": True}
    latency = {"init_ms": "52", "avg_ms": True, "warmup_avg_ms": 5.25, "num_warmup_runs": 0, "num_runs": True}
    assert read_python_results(json.dumps({**odd, "latency": latency})) == PythonResults(
        measurement=Measurement(tool="litert_benchmark"), model=None, threads=None, accelerators=None
    )
    for two in (["NPU", "GPU"], []):
        found = read_python_results(
            json.dumps({"fully_accelerated": True, "accelerators": two, "latency": {"avg_ms": 1.0}})
        )
        assert found is not None
        assert [use.applied for use in found.measurement.delegates] == [None] * len(two), (
            "which of two took all, nobody says"
        )
    assert read_python_results('{"latency": ["avg_ms"]}') is read_python_results('["avg_ms"]') is None
