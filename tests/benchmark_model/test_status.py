"""Status and causes from evidence: messages, exit codes, what was asked for, what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from harness.records import DelegateRequest
from tests.benchmark_model.outputs import GOOD, RUN, START, TIMINGS, read

APPLIED = "Explicitly applied GPU delegate, and the model graph will be {} executed by the delegate"


def verdict(text: str, **keywords: Any) -> tuple[str, list[str]]:
    got = read(text, **keywords)
    return got["status"], got["causes"]


@pytest.mark.parametrize(
    ("code", "causes"),
    [
        (1, ["unknown"]),
        (124, ["timeout"]),
        (126, ["not_executable"]),
        (127, ["not_executable"]),
        (130, ["killed"]),
        (132, ["crashed"]),
        (134, ["crashed"]),
        (135, ["crashed"]),
        (137, ["killed"]),
        (139, ["crashed"]),
        (143, ["killed"]),
        (-9, ["killed"]),
        (-11, ["crashed"]),
    ],
)
def test_exit_codes_fail_and_numbers_are_kept(code: int, causes: list[str]) -> None:
    got = read(GOOD, exit_code=code)
    assert (got["status"], got["causes"], got["inference_avg_us"]) == ("failed", causes, 101.5)


@pytest.mark.parametrize("code", [0, None])
def test_an_output_that_stops_in_the_middle(code: int | None) -> None:
    for end in (len(START), len(START) + 60, len(START + RUN) - 30, len(START + RUN)):
        assert verdict(GOOD[:end], exit_code=code) == ("failed", ["truncated_output"])


def test_nothing_at_all() -> None:
    assert verdict("") == ("failed", ["truncated_output"])
    assert verdict("hello\nworld\n") == ("failed", ["unknown"])
    assert verdict("", exit_code=137) == ("failed", ["killed"])


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("/system/bin/sh: ./benchmark_model: not executable: 64-bit ELF file", "not_executable"),
        ("/system/bin/sh: ./benchmark_model: inaccessible or not found", "not_executable"),
        ("sh: ./benchmark_model: not found", "not_executable"),
        ("bash: ./benchmark_model: cannot execute binary file: Exec format error", "not_executable"),
        ("/system/bin/sh: ./benchmark_model: can't execute: Permission denied", "not_executable"),
        ('CANNOT LINK EXECUTABLE "./benchmark_model": library "libOpenCL.so" not found', "not_executable"),
        ("./benchmark_model: error while loading shared libraries: libx.so: cannot open", "not_executable"),
        ("Segmentation fault", "crashed"),
        ("Segmentation fault (core dumped)", "crashed"),
        ("Aborted ", "crashed"),
        ("Killed", "killed"),
        ("[1] + Killed               ./benchmark_model --graph=x", "killed"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "out_of_memory"),
        (
            "08-17 21:47:50.323   1 1 F libc    : Fatal signal 11 (SIGSEGV), code 1 in tid 9 (benchmark_model), pid 9",
            "crashed",
        ),
        (
            "ERROR: Didn't find op for builtin opcode 'MUL' version '5'. An older version might be supported.",
            "op_unsupported",
        ),
        ("ERROR: Encountered unresolved custom op: X.", "op_unsupported"),
        ("ERROR: Node number 2 (CONV_2D) failed to invoke.", "invoke_failed"),
    ],
)
def test_what_shells_and_runtimes_say(line: str, cause: str) -> None:
    got = read(f"{START}{line}\n")
    assert (got["status"], got["causes"][0]) == ("failed", cause)


@pytest.mark.parametrize(
    "line",
    [
        "Vx delegate: error_during_init set to 0.",
        "WARNING: [auto_registration.cc:67] NPU accelerator could not be loaded: kLiteRtStatusErrorInvalidArgument.",
        "ERROR: [litert/runtime/accelerators/auto_registration.cc:92] GPU accelerator could not be loaded",
        "W [HandleLayoutInfer:257]Op 18: default layout inference pass.",
        "INFO: Failed to load OpenCL library with dlopen: libOpenCL.so. Trying ICD loader.",
        "nnapi error: unable to open library libneuralnetworks.so",
        "ERROR: Following operations are not supported by GPU delegate:",
        "can't determine number of CPU cores: assuming 4",
        "loaded libcdsprpc.so",
        "08-17 21:47:50.323   1 1 F libc    : Fatal signal 11 (SIGSEGV), code 1 in tid 9 (com.other.app), pid 9",
        "Warning: Doubling internal profiling buffer.",
        "the process Killed nothing",
    ],
)
def test_false_alarms(line: str) -> None:
    assert verdict(START + line + "\n" + RUN + TIMINGS) == ("ok", [])


def test_a_delegate_that_failed_while_the_run_went_on() -> None:
    text = START + (
        "Use Hexagon: [1]\nERROR: hexagon_nn_config failed. Error: -1\n"
        "ERROR: Node number 125 (TfLiteHexagonDelegate) failed to prepare.\n"
        "ERROR: Restored original execution plan after delegate application failure.\n"
    )
    got = read(text + RUN + TIMINGS)
    assert (got["status"], got["causes"], got["inference_avg_us"]) == ("invalid", ["delegate_not_applied"], 101.5)
    assert [use["name"] for use in got["delegates"]] == ["HEXAGON"]


@pytest.mark.parametrize(
    "error",
    [
        "ERROR: NN API returned error ANEURALNETWORKS_BAD_DATA at line 1068 while adding operation.",
        "ERROR: hexagon_nn_config failed. Error: -1",
    ],
)
def test_an_error_of_a_delegate_counts_unless_it_was_applied(error: str) -> None:
    assert verdict(f"{error}\n{RUN}{TIMINGS}") == ("invalid", ["delegate_not_applied"])
    name = "NNAPI" if "NN API" in error else "HEXAGON"
    assert verdict(f"{error}\n{APPLIED.format('partially').replace('GPU', name)}\n{RUN}{TIMINGS}") == ("ok", [])


def test_a_delegate_that_could_not_be_made() -> None:
    line = "Could not create Hexagon delegate: platform may not support delegate or required libraries are missing\n"
    got = read(START + "Use Hexagon: [1]\n" + line + RUN + TIMINGS)
    assert (got["status"], got["causes"]) == ("invalid", ["delegate_unavailable", "delegate_not_applied"])
    assert got["message"] == line.strip()
    assert [(use["name"], use["applied"]) for use in got["delegates"]] == [("HEXAGON", "failed")]


def test_opencl_is_missing_and_opengl_takes_over() -> None:
    text = (
        START + "Use gpu: [1]\nERROR: Can not open OpenCL library on this device - x\nERROR: Falling back to OpenGL\n"
    )
    assert verdict(text + APPLIED.format("completely") + ".\n" + RUN + TIMINGS) == ("ok", [])


@pytest.mark.parametrize(
    "echo", ["Use gpu : [1]", "Use gpu: [1]", "Use NNAPI: [1]", "Use nnapi : [1]", "Use xnnpack: [1]"]
)
def test_asked_for_and_without_a_trace(echo: str) -> None:
    assert verdict(START + echo + "\n" + RUN + TIMINGS) == ("invalid", ["delegate_not_applied"])
    # An excerpt without its start may lack the line; the oldest versions do not print it.
    assert verdict(echo + "\n" + RUN + TIMINGS) == ("ok", [])
    old = "Average inference timings in us: Warmup: 106, Init: 2000, no stats: 101.5\n"
    assert verdict(START + echo + "\n" + RUN + old) == ("ok", [])


@pytest.mark.parametrize(
    "line", [APPLIED, APPLIED.replace("Explicitly applied", "Applied").replace("by the", "w/ the")]
)
def test_partial_counts_only_where_all_was_asked(line: str) -> None:
    text = START + "{}Use gpu: [1]\n" + line.format("partially") + " w/ 3 delegate kernels.\n" + RUN + TIMINGS
    assert verdict(text.replace("{}", "")) == ("ok", [])
    assert verdict(text.replace("{}", "Require full delegation: [1]\n")) == ("invalid", ["delegate_partial"])
    assert verdict(text.replace("{}", ""), requested=DelegateRequest(name="gpu", require="full")) == (
        "invalid",
        ["delegate_partial"],
    )


def test_what_the_runner_asked_for() -> None:
    created = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    though = "Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.\n"
    gpu = DelegateRequest(name="gpu")
    assert verdict(GOOD, requested=gpu) == ("invalid", ["delegate_not_applied"])
    assert verdict(GOOD, stderr=created, requested=gpu) == ("invalid", ["delegate_not_applied"])
    got = read(START + though + RUN + TIMINGS, requested=gpu)
    assert (got["status"], got["causes"], got["message"]) == ("invalid", ["delegate_not_applied"], though.strip())
    assert verdict(START + though + RUN + TIMINGS, requested=DelegateRequest(name="gpu", require="any")) == ("ok", [])
    assert verdict(GOOD, stderr=created, requested=DelegateRequest(name="xnnpack")) == ("ok", [])
    assert verdict(GOOD, requested=DelegateRequest(name="cpu")) == ("ok", [])
    assert verdict(GOOD, stderr=created, requested=DelegateRequest(name="cpu")) == ("invalid", ["condition_not_met"])


def test_full_delegation_that_the_tool_refused() -> None:
    text = (
        START
        + "Require full delegation: [1]\nUse gpu: [1]\n{}ERROR: Disallowed CPU fallback detected.\nBenchmarking failed.\n"
    )
    assert verdict(text.format(APPLIED.format("partially") + ".\n"), exit_code=1) == ("failed", ["delegate_partial"])
    assert verdict(text.format("")) == ("failed", ["delegate_not_applied"])


def test_unconsumed_flags_make_it_invalid_whatever_the_exit_code() -> None:
    text = "STARTING!\nUnconsumed cmdline flags: --a --use_gpu=true b\n"
    for code in (0, 1, None):
        got = read(text + RUN + TIMINGS, exit_code=code)
        assert got["status"] == "invalid"
        assert got["causes"][:2] == ["unconsumed_flags", "delegate_not_applied"]
        assert got["unconsumed_flags"] == ["--a", "--use_gpu=true", "b"]


def test_a_dropped_profile_is_invalid() -> None:
    assert verdict(GOOD + "INFO: Warning: Dropping ProfileBuffer event.\n") == ("invalid", ["profile_dropped"])


def test_ops_that_fail_in_the_timed_phase_only() -> None:
    text = GOOD + "ERROR: Node number 0 (GATHER) failed to invoke.\nERROR: Benchmarking failed.\n"
    got = read(text, exit_code=1)
    assert (got["status"], got["causes"], got["inference_avg_us"]) == ("failed", ["invoke_failed"], 101.5)


@pytest.mark.parametrize(
    ("line", "use"),
    [
        ("VERBOSE: Replacing 539 out of 548 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 19 partitions for subgraph 0.",
         ("XNNPACK", "partial", 539, 548, 19)),
        ("INFO: Replacing 30 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 1 partitions.", ("GPU", "full", 30, None, 1)),
        ("Replacing 30 node(s) with delegate (TfLiteNnapiDelegate) node, yielding 3 partitions.", ("NNAPI", "partial", 30, None, 3)),
        ("INFO: TfLiteHexagonDelegate delegate: 136 nodes delegated out of 139 nodes with 2 partitions.",
         ("HEXAGON", "partial", 136, 139, 2)),
        ("INFO: CoreML delegate: 77 nodes delegated out of 77 nodes, with 1 partitions.", ("COREML", "full", 77, 77, 1)),
        ("INFO: TfLiteQnnDelegate delegate: 0 nodes delegated out of 31 nodes with 0 partitions.", ("QNN", "none", 0, 31, 0)),
        ("First 17 operations will run on the GPU, and the remaining 30 on the CPU.", ("GPU", "partial", 17, 47, None)),
        ("Applied GPU delegate, and the model graph will be completely executed w/ the delegate.", ("GPU", "full", None, None, None)),
        ("Applied NNAPI delegate.", ("NNAPI", None, None, None, None)),
        ("Failed to apply XNNPACK delegate.", ("XNNPACK", "failed", None, None, None)),
    ],
)  # fmt: skip
def test_delegates_from_all_message_forms(line: str, use: tuple[Any, ...]) -> None:
    (got,) = read(START + line + "\n" + RUN + TIMINGS)["delegates"]
    assert (got["name"], got["applied"], got["nodes_delegated"], got["nodes_total"], got["partitions"]) == use
