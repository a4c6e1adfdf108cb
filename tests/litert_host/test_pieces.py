"""Flags, statistics, graph reader, partitions, result proto, launcher: the parts that need no model to run."""

from __future__ import annotations

import math
import random
import stat
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from harness.errors import SetupError
from harness.litert_host import launcher as launcher_module
from harness.litert_host.delegation import Partition, find_delegated, partitions
from harness.litert_host.flags import FlagError, parse, usage
from harness.litert_host.graph import InvalidModel, Operator, Subgraph, Tensor, read_graph
from harness.litert_host.inputs import FatalInput, input_bytes, input_layers
from harness.litert_host.library import Library
from harness.litert_host.protos import benchmark_result
from harness.litert_host.statistics import Statistics, number

DATA = Path(__file__).parent / "data"
LOGS = Path(__file__).parents[1] / "data" / "logs" / "host"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--num_runs=7", 7),
        ("--num_runs=3.7", 3),
        ("--num_runs= 4", 4),
        ("--num_runs=-1", -1),
        ("--num_runs=12abc", 12),
        # The end of the text is a good end for a C++ stream, whatever came before it.
        ("--num_runs=", 0),
        ("--num_runs=99999999999", 2**31 - 1),
        ("--num_runs=-99999999999", -(2**31)),
    ],
)
def test_whole_numbers_are_read_as_far_as_they_go(text: str, expected: int) -> None:
    assert parse("b", [text]).whole("num_runs") == expected


@pytest.mark.parametrize(
    "text", ["--num_runs=abc", "--num_runs=99999999999x", "--use_xnnpack=True", "--use_xnnpack=", "--min_secs=x"]
)
def test_values_that_do_not_fit_are_named(text: str) -> None:
    with pytest.raises(FlagError) as failure:
        parse("b", [text])
    name = text[2:].partition("=")[0]
    assert failure.value.lines[0] == f"Failed to parse flag '{name}' against argv '{text}'"


def test_what_is_no_flag_is_left_over_in_order() -> None:
    options = parse("b", ["--graph", "x", "--use_gpu=true", "--verbose=1", "--enable_op_profiling", "--use_nnapi=true"])
    assert options.leftover == ("--graph", "x", "--use_gpu=true", "--enable_op_profiling", "--use_nnapi=true")
    assert options.on("verbose")


def test_percentiles_are_those_of_the_real_tool() -> None:
    # Of a recorded process of two runs and one of three (files 72b and 72 of the recordings).
    assert Statistics([3161930, 3259097]).line(percentiles=True) == (
        "count=2 first=3161930 curr=3259097 min=3161930 max=3259097 avg=3.21051e+06 std=48583 p5=3161930 median=3259097 p95=3259097"
    )
    assert Statistics([3151948, 3158681, 3264383]).line(percentiles=True) == (
        "count=3 first=3151948 curr=3264383 min=3151948 max=3264383 avg=3.19167e+06 std=51488 p5=3151948 median=3158681 p95=3264383"
    )
    assert Statistics([]).line(percentiles=True) == "count=0 p5=0 median=0 p95=0"
    assert Statistics([4, 4]).line(percentiles=False) == "count=2 curr=4(all same)"


@pytest.mark.parametrize(
    ("value", "text"), [(8340.783, "8340.78"), (3191670.7, "3.19167e+06"), (8.3e-05, "8.3e-05"), (float("nan"), "-nan")]
)
def test_numbers_look_as_a_c_plus_plus_stream_writes_them(value: float, text: str) -> None:
    assert number(value) == text


def test_damaged_models_are_refused_and_never_break_the_reader(model_dir: Path) -> None:
    whole = (model_dir / "two_signatures.tflite").read_bytes()
    assert [signature.key for signature in read_graph(whole).signatures] == ["add", "two"]
    rng = random.Random(5)
    refused = 0
    for attempt in range(600):
        damaged = bytearray(whole[: rng.randrange(len(whole))] if attempt % 3 == 0 else whole)
        for _ in range(rng.randrange(1, 8)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            read_graph(bytes(damaged))
        except InvalidModel:
            refused += 1
    assert refused > 300


def _subgraph(edges: list[tuple[tuple[int, ...], tuple[int, ...]]], tensors: int) -> Subgraph:
    made = tuple(Tensor(f"t{i}", 0, (1,), (1,), False) for i in range(tensors))
    return Subgraph("main", made, tuple(Operator(0, "", i, o) for i, o in edges), (0,), (tensors - 1,))


def test_partitions_are_those_that_the_real_tool_recorded() -> None:
    from ai_edge_litert import model_runtime_info_pb2

    details = model_runtime_info_pb2.ModelRuntimeDetails()
    details.ParseFromString((DATA / "mixed_runtime.pb").read_bytes())
    recorded = details.subgraphs[0]
    nodes = [node for node in recorded.nodes if not node.HasField("delegate_node_details")]
    constants = {edge.id for edge in recorded.edges if edge.allocation_type == "kTfLiteMmapRo"}
    subgraph = Subgraph(
        "main",
        tuple(
            Tensor(edge.name, 0, tuple(edge.shape), tuple(edge.shape), edge.id in constants) for edge in recorded.edges
        ),
        tuple(Operator(0, "", tuple(node.inputs), tuple(node.outputs)) for node in nodes),
        (0,),
        (14, 15),
    )
    delegated = frozenset(node.id for node in nodes if node.HasField("delegated_to_node_id"))
    assert partitions(subgraph, delegated) == [
        Partition(True, (0, 1)),
        Partition(False, (2, 3, 4)),
        Partition(True, (5, 6, 8)),
        Partition(False, (7,)),
    ]


def test_partitions_of_all_and_of_none() -> None:
    chain = _subgraph([((0,), (1,)), ((1, -1), (2,))], 3)
    assert partitions(chain, frozenset({0, 1})) == [Partition(True, (0, 1))]
    assert partitions(chain, frozenset()) == [Partition(False, (0, 1))]
    assert partitions(chain, frozenset({1})) == [Partition(False, (0,)), Partition(True, (1,))]


def test_delegated_nodes_of_a_model_that_cannot_run_are_unknown(model_dir: Path) -> None:
    path = model_dir / "unknown_op.tflite"
    assert find_delegated(read_graph(path.read_bytes()).subgraphs[0], 0, str(path), 0, {}, 1) is None


def _result(**values: Any) -> Any:
    known: dict[str, Any] = {
        "init_kb": 0,
        "overall_kb": 0,
        "peak_kb": None,
        "model_bytes": 13921636,
        "input_bytes": 602112,
    }
    return benchmark_result(**{**known, **values})


def test_result_without_runs_has_the_recorded_values() -> None:
    message = _result(runs=Statistics(), warmup=Statistics(), init_us=10568, init_kb=38580, overall_kb=39220)
    expected = type(message)()
    text_format.Parse((DATA / "result_dry.pb.txt").read_text(), expected)
    assert message.SerializeToString() == expected.SerializeToString()


def test_throughput_of_the_result_is_the_recorded_one() -> None:
    runs = Statistics([9383, 9119, 9682, 9331, 9331, 9331, 9331, 9331, 9331, 9292])
    message = _result(runs=runs, warmup=Statistics([9691]), init_us=10836, peak_kb=45444)
    expected = type(message)()
    text_format.Parse((DATA / "result.pb.txt").read_text(), expected)
    assert runs.total == 93462
    assert message.misc_metrics == expected.misc_metrics
    assert message.latency_metrics.avg_ms == expected.latency_metrics.avg_ms
    assert message.memory_metrics.peak_mem_mb == expected.memory_metrics.peak_mem_mb


def test_random_inputs_keep_to_their_ranges() -> None:
    rng = random.Random(1)
    int8 = Tensor("x", 9, (40000,), (40000,), False)
    assert len(input_bytes(int8, (40000,), None, rng)) == 40000
    options = parse("b", ["--input_layer=x", "--input_layer_shape=9", "--input_layer_value_range=x,3,5"])
    (layer,) = input_layers(options)
    values = struct.unpack("<9i", input_bytes(Tensor("x", 2, (9,), (9,), False), (9,), layer, rng))
    assert set(values) <= {3, 4, 5}
    floats = struct.unpack("<100f", input_bytes(Tensor("x", 0, (100,), (100,), False), (100,), None, rng))
    assert all(-0.5 <= value <= 0.5 for value in floats)
    assert len(set(floats)) > 90
    halves = struct.unpack("<7e", input_bytes(Tensor("x", 1, (7,), (7,), False), (7,), None, rng))
    assert all(-0.5 <= value <= 0.5 for value in halves)


ONE = ["--input_layer=a", "--input_layer_shape=1"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ["--input_layer=a,b", "--input_layer_shape=1,2"],
            FlagError,
            "The number of items in --input_layer_shape (1,2, with 1 items)",
        ),
        (["--input_layer=a", "--input_layer_shape=1,x"], FatalInput, "Incorrect size string specified: 1,x"),
        (["--input_layer=a", "--input_layer_shape="], FlagError, "The number of items"),
        (["--input_layer=a", "--input_layer_shape=2,-1"], FlagError, "Any unknown sizes in the shapes (-1's) must be"),
        ([*ONE, "--input_layer_value_range=a,1"], FlagError, "Wrong input value range item specified: a,1"),
        ([*ONE, "--input_layer_value_range=a:0,1,2"], FlagError, "Wrong input value range item specified: a"),
        (
            [*ONE, "--input_layer_value_range=a,10,1"],
            FlagError,
            "Wrong low and high value of the input value range specified: a,10,1",
        ),
        (
            [*ONE, "--input_layer_value_range=a,abc,1"],
            FlagError,
            "Wrong low and high value of the input value range specified: a,abc,1",
        ),
        (
            [*ONE, "--input_layer_value_range=b,1,2"],
            FatalInput,
            "Cannot find the corresponding input_layer name(b) in --input_layer as a",
        ),
        ([*ONE, "--input_layer_value_files=a"], FlagError, "a doesn't contain any delimiter."),
        ([*ONE, "--input_layer_value_files=a:b:c"], FlagError, "a:b:c contains more than one delimiter."),
        (
            [*ONE, "--input_layer_value_files=b:c"],
            FatalInput,
            "Cannot find the corresponding input_layer name(b) in --input_layer as a",
        ),
    ],
)
def test_input_flags_that_make_no_sense(arguments: list[str], error: type[Exception], message: str) -> None:
    """As LiteRT's benchmark_tflite_model.cc refuses them: an error (exit code 1) or a fatal one (abort)."""
    with pytest.raises(error) as failure:
        input_layers(parse("b", arguments))
    assert str(failure.value).startswith(message)


def test_a_colon_in_a_name_is_doubled_and_a_last_comma_is_nothing() -> None:
    arguments = ["--input_layer=a:0,b", "--input_layer_shape=1,64,:2", "--input_layer_value_files=a::0:x/y::1.bin,b:z"]
    first, second = input_layers(parse("b", arguments))
    assert (first.name, first.shape, first.value_file) == ("a:0", (1, 64), "x/y:1.bin")
    assert (second.name, second.shape, second.value_file) == ("b", (2,), "z")


def test_a_range_beyond_the_type_wraps_around() -> None:
    options = parse("b", ["--input_layer=x", "--input_layer_shape=4", "--input_layer_value_range=x,200,200"])
    (layer,) = input_layers(options)
    rng = random.Random(1)
    assert input_bytes(Tensor("x", 9, (4,), (4,), False), (4,), layer, rng) == struct.pack("<4b", *[200 - 256] * 4)
    assert input_bytes(Tensor("x", 3, (4,), (4,), False), (4,), layer, rng) == bytes([200] * 4)


def test_every_flag_of_the_real_help_is_known_in_its_order_and_words() -> None:
    recorded = (
        (LOGS / "21_help.log").read_text().partition("# ---- stderr ----\nERROR: ")[2].partition("\n\nERROR: ")[0]
    )
    assert usage("bin/benchmark_model").rstrip("\n") == recorded.rstrip("\n")


def test_every_parameter_is_announced_in_its_order() -> None:
    recorded = (LOGS / "31_verbose.log").read_text().splitlines()
    said = [line.removeprefix("INFO: ") for line in recorded if line.startswith("INFO: ") and line.endswith("]")]
    given = ["--graph=models/add.tflite", "--verbose=true", "--num_runs=10", "--min_secs=0", "--warmup_min_secs=0"]
    ours = parse("b", given).announcements()
    # The real tool keeps one value under the name that its own part and a delegate's share.
    assert ours == said


def test_a_library_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    other = next(
        path
        for path in map(Path, ("/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6", "/usr/lib/libm.so.6"))
        if path.exists()
    )
    with pytest.raises(SetupError, match="lacks LiteRtCreateEnvironment"):
        Library(other)
    with pytest.raises(SetupError, match="cannot be opened"):
        Library(tmp_path / "none.so")


def test_launcher_is_a_small_executable_whose_content_follows_the_code(launcher: Path) -> None:
    text = launcher.read_text()
    assert text.startswith("#!/bin/sh\n")
    assert len(text.splitlines()) == 3
    assert stat.S_IMODE(launcher.stat().st_mode) & 0o111 == 0o111
    assert launcher_module.content_digest() in text
    assert launcher_module.launcher_text() == text


def test_launcher_passes_arguments_as_they_are_and_needs_no_path(launcher: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(launcher), "a b", "$(id)", "*", "--graph="],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "WARN: Unconsumed cmdline flags: a b $(id) *\n" in done.stdout
    assert done.returncode == 1
    shown = subprocess.run(
        [str(launcher), "--help"], env={"PYTHONPATH": "/nonexistent"}, capture_output=True, text=True, check=False
    )
    assert shown.stderr.startswith(f"ERROR: usage: {launcher} <flags>\n")
    assert not list(tmp_path.iterdir())


def test_numbers_that_no_type_holds_are_answered_without_a_traceback() -> None:
    options = parse("b", ["--input_layer=x", "--input_layer_shape=3", "--input_layer_value_range=x,100000,100000"])
    (layer,) = input_layers(options)
    half = input_bytes(Tensor("x", 1, (3,), (3,), False), (3,), layer, random.Random(1))
    assert struct.unpack("<3e", half) == (math.inf,) * 3
    assert parse("b", ["--num_runs=" + "9" * 5000]).whole("num_runs") == 2**31 - 1
    with pytest.raises(FatalInput):
        input_layers(parse("b", ["--input_layer=x", "--input_layer_shape=" + "9" * 5000]))
