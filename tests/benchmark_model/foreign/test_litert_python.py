"""The results of LiteRT's tool in Python: which accelerators had part, against what was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import ingest
from harness.benchmark_model import parse_output
from harness.benchmark_model.foreign import read_foreign_logs
from harness.benchmark_model.python_results import read_python_results
from harness.records import DelegateRequest
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
