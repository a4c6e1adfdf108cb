from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.benchmark_model import parse_output
from harness.benchmark_model.command_line import (
    BinaryFacts,
    CachePlace,
    check_delegate,
    fed_flags,
    model_flags,
    read_help,
    trial_flags,
    unsupported,
)
from harness.errors import UsageError
from harness.records import DelegateRequest, ModelInput, ModelRef, Purpose, RunLengths, Scalar, StartState
from harness.records.causes import Cause

LOGS = Path(__file__).resolve().parents[1] / "data/logs"

MODERN = BinaryFacts(
    flags=frozenset({"op_profiling_output_mode", "export_model_runtime_info", "max_profiling_buffer_entries"})
)
LITERT = BinaryFacts(
    flags=frozenset(
        {
            "graph",
            "use_cpu",
            "use_gpu",
            "use_npu",
            "use_profiler",
            "require_full_delegation",
            "gpu_backend",
            "allow_fp16",
        }
        | {"dispatch_library_path", "compiler_plugin_library_path", "model_runtime_info_output_file"}
    ),
    tool="litert",
)
OLD = BinaryFacts(flags=frozenset({"graph", "num_runs"}))
LENGTHS = RunLengths(min_runs=10, min_s=0.25, max_s=5, warmup_runs=2, warmup_s=0.1, timeout_s=30)


def flags(
    delegate: DelegateRequest,
    purpose: Purpose = Purpose.LATENCY,
    binary: BinaryFacts = MODERN,
    cache: CachePlace | None = None,
) -> list[str]:
    return trial_flags(
        graph="/m", delegate=delegate, threads=2, purpose=purpose, run=LENGTHS, binary=binary, cache=cache
    )


def test_every_length_is_given_so_that_speed_does_not_choose_it() -> None:
    assert flags(DelegateRequest(name="cpu")) == [
        "--graph=/m",
        "--num_threads=2",
        "--num_runs=10",
        "--min_secs=0.25",
        "--max_secs=5",
        "--warmup_runs=2",
        "--warmup_min_secs=0.1",
        "--use_xnnpack=false",
    ]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("xnnpack", {}, ["--use_xnnpack=true"]),
        (
            "gpu",
            {"precision": "fp32", "backend": "cl", "quantized": False, "sustained": True, "max_partitions": 2},
            [
                "--use_gpu=true",
                "--gpu_precision_loss_allowed=false",
                "--gpu_backend=cl",
                "--gpu_experimental_enable_quant=false",
                "--gpu_inference_for_sustained_speed=true",
                "--max_delegated_partitions=2",
            ],
        ),
        (
            "nnapi",
            {"accelerator": "qti-dsp", "preference": "sustained_speed", "fp16": True, "disable_cpu": True},
            [
                "--use_nnapi=true",
                "--nnapi_accelerator_name=qti-dsp",
                "--nnapi_execution_preference=sustained_speed",
                "--nnapi_allow_fp16=true",
                "--disable_nnapi_cpu=true",
            ],
        ),
        ("hexagon", {"library_dir": "/d"}, ["--use_hexagon=true", "--hexagon_lib_path=/d"]),
        (
            "external",
            {"path": "/a.so", "options": "k:v;l:w"},
            ["--external_delegate_path=/a.so", "--external_delegate_options=k:v;l:w"],
        ),
    ],
)
def test_delegates_and_their_options(name: str, options: dict[str, Scalar], expected: list[str]) -> None:
    assert flags(DelegateRequest(name=name, options=options))[7:] == [*expected, "--export_model_runtime_info=true"]


def test_full_delegation_is_asked_of_the_tool_itself() -> None:
    assert "--require_full_delegation=true" in flags(DelegateRequest(name="gpu", require="full"))


def test_profiling_and_memory_have_processes_of_their_own() -> None:
    cpu = DelegateRequest(name="cpu")
    assert not any("profil" in flag or "memory" in flag for flag in flags(cpu))
    assert "--enable_op_profiling=true" in flags(cpu, Purpose.PROFILE)
    assert "--op_profiling_output_mode=proto" in flags(cpu, Purpose.PROFILE)
    assert "--report_peak_memory_footprint=true" in flags(cpu, Purpose.MEMORY)


def test_an_old_binary_is_not_asked_for_what_it_lacks() -> None:
    extra = set(flags(DelegateRequest(name="cpu"), Purpose.PROFILE, OLD)) - set(flags(DelegateRequest(name="cpu")))
    assert extra == {"--enable_op_profiling=true"}


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("gpux", {}, "xnnpack"),
        ("gpu", {"precison": "fp16"}, "precision"),
        ("gpu", {"precision": "int4"}, "fp16 or fp32"),
        ("gpu", {"backend": "openvg"}, "cl, gl"),
        ("gpu", {"quantized": "yes"}, "true or false"),
        ("gpu", {"max_partitions": -1}, "whole number"),
        ("nnapi", {"preference": "fast"}, "fast_single_answer"),
        ("cpu", {"a": 1}, "takes none"),
        ("external", {}, "path"),
    ],
)
def test_mistakes_are_named(name: str, options: dict[str, Scalar], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_delegate(DelegateRequest(name=name, options=options))


@pytest.mark.parametrize(
    ("value", "good"), [(0, True), (7, True), (-1, False), (True, False), (1.5, False), ("7", False)]
)
def test_a_whole_number_is_none_below_zero(value: Scalar, good: bool) -> None:
    request = DelegateRequest(name="gpu", options={"max_partitions": value})
    if good:
        check_delegate(request)
        assert f"--max_delegated_partitions={value}" in flags(request)
    else:
        with pytest.raises(UsageError, match="is unknown"):
            check_delegate(request)


def test_a_help_with_or_without_prefix_is_read() -> None:
    text = "ERROR: usage: x <flags>\nFlags:\n\t--num_runs=50     \tint32\toptional\texpected, see --min_secs=1\n\t--use_gpu=false\tbool\n"
    assert read_help(text).flags == {"num_runs", "use_gpu"}
    assert read_help("sh: not executable").has("anything")


def test_help_tells_the_two_tools_apart() -> None:
    recorded = read_help((LOGS / "host/90j_gpubin_help.log").read_text())
    assert recorded.tool == "tflite"
    assert {"use_gpu", "export_model_runtime_info", "delegate_serialize_dir"} <= recorded.flags
    prefix = "INFO: [./litert/tools/benchmark_litert_model.h:88] "
    other = read_help(prefix + "usage: x\n\t--use_cpu=true\tbool\n\t--use_npu=false\tbool\n\t--use_gpu=false\tbool\n")
    assert other.tool == "litert"
    assert read_help("").tool == "tflite"
    # One flag of that name may come to the other tool; two are no chance.
    assert read_help("--use_cpu=true\n--graph=x\n").tool == "tflite"
    assert read_help("--use_cpu=true\n--use_npu=true\n").tool == "litert"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (DelegateRequest(name="xnnpack"), ["--use_cpu=true", "--use_gpu=false", "--use_npu=false"]),
        (
            DelegateRequest(name="gpu", options={"precision": "fp32", "backend": "webgpu"}, require="full"),
            [
                "--use_cpu=false",
                "--use_gpu=true",
                "--use_npu=false",
                "--allow_fp16=false",
                "--gpu_backend=webgpu",
                "--require_full_delegation=true",
            ],
        ),
        (
            DelegateRequest(name="npu", options={"dispatch_library": "/d"}),
            ["--use_cpu=false", "--use_gpu=false", "--use_npu=true", "--dispatch_library_path=/d"],
        ),
    ],
)
def test_the_other_tool_is_asked_in_its_own_words(request_: DelegateRequest, expected: list[str]) -> None:
    assert flags(request_, binary=LITERT)[7:] == [*expected, "--model_runtime_info_output_file=runtime_info.pb"]
    assert "--use_profiler=true" in flags(request_, Purpose.PROFILE, LITERT)


def test_newer_versions_have_a_flag_for_the_precision_itself() -> None:
    newer = BinaryFacts(flags=LITERT.flags | {"gpu_precision"}, tool="litert")
    assert "--gpu_precision=fp16" in flags(DelegateRequest(name="gpu", options={"precision": "fp16"}), binary=newer)


@pytest.mark.parametrize(
    ("request_", "start", "binary", "cause", "words"),
    [
        (DelegateRequest(name="cpu"), "warm", LITERT, Cause.DELEGATE_UNAVAILABLE, "no way to ask"),
        (DelegateRequest(name="nnapi"), "warm", LITERT, Cause.DELEGATE_UNAVAILABLE, "nnapi"),
        (DelegateRequest(name="npu"), "warm", MODERN, Cause.DELEGATE_UNAVAILABLE, "only LiteRT's"),
        (DelegateRequest(name="gpu"), "cold", LITERT, Cause.CONDITION_NOT_MET, "no cold start"),
        (DelegateRequest(name="gpu"), "cached", OLD, Cause.CONDITION_NOT_MET, "delegate_serialize_dir"),
        (DelegateRequest(name="xnnpack"), "cached", OLD, Cause.CONDITION_NOT_MET, "weight_cache"),
        (DelegateRequest(name="xnnpack", require="full"), "warm", LITERT, Cause.CONDITION_NOT_MET, "full"),
        (
            DelegateRequest(name="gpu", options={"sustained": True}),
            "warm",
            LITERT,
            Cause.CONDITION_NOT_MET,
            "sustained",
        ),
    ],
)
def test_what_a_tool_cannot_be_asked_for_is_said(
    request_: DelegateRequest, start: StartState, binary: BinaryFacts, cause: Cause, words: str
) -> None:
    found = unsupported(request_, Purpose.LATENCY, start, binary)
    assert found is not None
    assert found[0] is cause
    assert words in found[1]


def test_what_it_can_be_asked_for_is_not_held_back() -> None:
    assert unsupported(DelegateRequest(name="gpu"), Purpose.PROFILE, "warm", LITERT) is None
    assert unsupported(DelegateRequest(name="gpu"), Purpose.LATENCY, "cached", BinaryFacts(flags=frozenset())) is None
    # Not compiled in: the tool says so itself, and its words become the cause.
    assert unsupported(DelegateRequest(name="gpu"), Purpose.LATENCY, "warm", OLD) is None


def test_a_cache_is_named_to_the_delegates_that_have_one() -> None:
    place = CachePlace(folder="/c", token="t")
    serialized = ["--delegate_serialize_dir=/c", "--delegate_serialize_token=t"]
    for name in ("gpu", "nnapi"):
        assert flags(DelegateRequest(name=name), cache=place)[8:10] == serialized
    assert "--xnnpack_weight_cache_file_path=/c/t.xnnpack" in flags(DelegateRequest(name="xnnpack"), cache=place)
    assert flags(DelegateRequest(name="cpu"), cache=place) == flags(DelegateRequest(name="cpu"))


def test_runtime_info_is_exported_for_every_delegate_but_the_built_in_kernels() -> None:
    assert "--export_model_runtime_info=true" in flags(DelegateRequest(name="gpu"))
    assert "--export_model_runtime_info=true" not in flags(DelegateRequest(name="cpu"))
    # Building the message takes memory of the process whose memory is watched.
    assert "--export_model_runtime_info=true" not in flags(DelegateRequest(name="gpu"), Purpose.MEMORY)
    assert "--export_model_runtime_info=true" not in flags(DelegateRequest(name="gpu"), binary=OLD)


def test_what_the_npu_is_called_in_messages_is_what_is_asked_for() -> None:
    line = "INFO: Replacing 30 out of 32 node(s) with delegate (DispatchDelegate) node, yielding 3 partitions for subgraph 0."
    [use] = parse_output(f"INFO: STARTING!\n{line}\n", requested=DelegateRequest(name="npu")).measurement.delegates
    assert (use.name, use.applied, use.nodes_delegated) == ("NPU", "partial", 30)


FED = ModelRef(
    name="m",
    path="m",
    sha256="0",
    size_bytes=1,
    signature="encode",
    inputs=(ModelInput(name="ids:0", shape=(1, 128), range=(0, 999)), ModelInput(name="a,b", shape=(1,))),
)


def test_signature_and_inputs_of_a_model() -> None:
    assert model_flags(FED) == [
        "--signature_to_run_for=encode",
        "--input_layer=ids_0,a_b",
        "--input_layer_shape=1,128:1",
        "--input_layer_value_range=ids_0,0,999",
    ]
    assert model_flags(replace(FED, signature=None, inputs=())) == []


def test_a_binary_that_cannot_be_told_how_to_feed_a_model_is_not_asked() -> None:
    knows = BinaryFacts(flags=frozenset({"signature_to_run_for", "input_layer", "input_layer_shape", "graph"}))
    xnnpack = DelegateRequest(name="xnnpack")
    found = unsupported(xnnpack, Purpose.LATENCY, "warm", knows, FED)
    assert found == (
        Cause.CONDITION_NOT_MET,
        "this benchmark_model has no --input_layer_value_range, which the suite's model needs",
    )
    assert unsupported(xnnpack, Purpose.LATENCY, "warm", knows, replace(FED, inputs=FED.inputs[1:])) is None


def test_a_tool_that_takes_no_inputs_is_not_asked_for_outputs() -> None:
    found = unsupported(DelegateRequest(name="xnnpack"), Purpose.ACCURACY, "warm", LITERT)
    assert found is not None
    assert found[0] is Cause.CONDITION_NOT_MET
    assert "takes no given inputs and gives no outputs back" in found[1]
    old = BinaryFacts(flags=frozenset({"graph", "num_threads", "input_layer_value_files"}))
    assert unsupported(DelegateRequest(name="cpu"), Purpose.ACCURACY, "warm", old) == (
        Cause.CONDITION_NOT_MET,
        "this benchmark_model has no --output_filepath: no outputs to compare",
    )


def test_inputs_are_fed_by_name_shape_and_file() -> None:
    layers = [("serving_default_x:0", (1, 8), "fed0.bin"), ("a,b", (2,), "fed1.bin")]
    assert fed_flags(layers) == [
        "--input_layer=serving_default_x:0,a_b",
        "--input_layer_shape=1,8:2",
        "--input_layer_value_files=serving_default_x::0:fed0.bin,a_b:fed1.bin",
        "--output_filepath=output.bin",
    ]
    with pytest.raises(UsageError, match="cannot be told apart"):
        fed_flags([("a,b", (1,), "x"), ("a_b", (1,), "y")])
