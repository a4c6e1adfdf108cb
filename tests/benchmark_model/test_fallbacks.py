"""Nothing that failed, or that the CPU did for a delegate, looks good."""

from __future__ import annotations

import pytest

from harness.records import DelegateRequest
from tests.benchmark_model.foreign.logs import extract
from tests.benchmark_model.outputs import CPU, GPU, LITERT, RUN, START, THOUGH, TIMINGS, named, read


def test_explicitly_applied_means_asked_for() -> None:
    got = read(THOUGH + RUN + TIMINGS)
    assert (got["status"], got["causes"], got["message"]) == ("invalid", ["delegate_not_applied"], THOUGH.strip())


def test_a_delegation_that_was_undone_took_nothing() -> None:
    nnapi = "Replacing 31 out of 31 node(s) with delegate (TfLiteNnapiDelegate) node, yielding 1 partitions for subgraph 0.\n"
    assert named(read(START + nnapi + THOUGH + RUN + TIMINGS)) == [("NNAPI", "none", 0, 31, 0)]


@pytest.mark.parametrize(
    ("line", "causes"),
    [
        ("WARN: WARNING: unrecognized commandline flag: --use_gpu=true", "unconsumed_flags delegate_not_applied"),
        (
            "WARN: `--use_nnapi=true` must be set for the provided NNAPI accelerator (x) to be used.",
            "delegate_not_applied",
        ),
        ("WARN: The provided value (fast) is not a valid nnapi execution preference.", "condition_not_met"),
        (
            "Use gpu: [1]\nINFO: No operations will run on the GPU, and all 9 operations will run on the CPU.",
            "delegate_not_applied",
        ),
        (
            "Delegate settings file path: [a.json]\nERROR: Failed to load stable ABI delegate from stable ABI delegate .so",
            "delegate_unavailable delegate_not_applied",
        ),
        ("Use ynnpack: [1]", "delegate_not_applied"),
    ],
)
def test_quiet_fallbacks(line: str, causes: str) -> None:
    got = read(f"{START}{line}\n{RUN}{TIMINGS}")
    assert (got["status"], " ".join(got["causes"]), got["inference_avg_us"]) == ("invalid", causes, 101.5)


def test_litert_was_asked_for_an_npu() -> None:
    asked = "INFO: [benchmark_litert_model.cc:175] {}\nINFO: STARTING!\n"
    whole = LITERT.replace("{at}", "[").replace("INFO: STARTING!\n", asked, 1)
    npu = "INFO: DispatchDelegate delegate: 1 nodes delegated out of 1 nodes with 1 partitions.\n"
    for line in ("dispatch_library_path: .", "compiler_plugin_library_path: "):
        # The lines stand after the start in fact; the last start is where a run begins.
        text = whole.replace("{}\nINFO: STARTING!", f"x\nINFO: STARTING!\nINFO: [a.cc:1] {line}")
        assert (read(text)["status"], read(text)["causes"]) == ("invalid", ["delegate_not_applied"])
        assert read(text.replace("INFO: count=1010", npu + "INFO: count=1010"))["status"] == "ok"
    assert read(whole.replace("{}", "dispatch_library_path: "))["status"] == "ok"


@pytest.mark.parametrize(
    ("delegate", "uses", "status"),
    [
        ("gpu", CPU, "invalid"),  # the CPU's numbers, under another name
        ("gpu", GPU + CPU, "ok"),
        ("gpu-fp16", GPU, "ok"),
        ("gpu", "", "ok"),  # nothing is known
        ("xnnpack", CPU, "ok"),
        ("nnapi", GPU, "invalid"),
        (
            "vx",
            "Explicitly applied EXTERNAL delegate, and the model graph will be completely executed by the delegate.\n",
            "ok",
        ),
        (
            "vx",
            "Though EXTERNAL delegate is explicitly applied, the model graph will not be executed by the delegate.\n",
            "invalid",
        ),
        ("ethosu", "INFO: EthosuDelegate: 64 nodes delegated out of 66 nodes with 1 partitions.\n", "ok"),
    ],
)
def test_an_extract_under_the_name_of_another_delegate(delegate: str, uses: str, status: str) -> None:
    got = read(extract(uses, "101.5"), requested=DelegateRequest(name=delegate))
    assert (got["status"], got["inference_avg_us"]) == (status, 101.5)


@pytest.mark.parametrize("average", ["nan", "-nan", "inf", "-101.5"])
def test_an_average_that_is_no_time(average: str) -> None:
    got = read(START + RUN + TIMINGS.replace("101.5", average))
    assert (got["status"], got["causes"], got["inference_avg_us"]) == ("failed", ["unknown"], None)
    none = RUN.replace("count=50 first=102 curr=99 min=98 max=104 avg=101.5 std=2", "count=0")
    assert read(START + none + TIMINGS.replace("101.5", average))["status"] == "ok"


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("zsh: bus error  ./benchmark_model --graph=x", "crashed"),
        ("zsh: segmentation fault  ./benchmark_model", "crashed"),
        ("zsh: killed     ./benchmark_model", "killed"),
    ],
)
def test_what_zsh_says(line: str, cause: str) -> None:
    got = read(f"{START}{line}\n")
    assert (got["status"], got["causes"]) == ("failed", [cause])


def test_a_gpu_whose_compiler_failed() -> None:
    line = "ERROR: Failed to build program executable - Build program failure(97:0) : error : no such conversion"
    got = read(f"{START}Use gpu: [1]\nINFO: GPU delegate created.\n{line}\n")
    assert (got["status"], got["message"]) == ("failed", line.removeprefix("ERROR: "))
    assert got["causes"] == ["delegate_unavailable", "delegate_not_applied", "truncated_output"]
    applied = "Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.\n"
    assert read(f"{START}Use gpu: [1]\n{line}\n{applied}{RUN}{TIMINGS}")["status"] == "ok"
